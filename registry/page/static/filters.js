/**
 * Filters the list while one types. The address follows, so that it can be kept and sent to others.
 */

import { refresh } from "./live.js";

const PAUSE = 200; // ms after the last key

/** Start, if this page has filters. */
export function watchFilters() {
  const form = document.getElementById("filters");
  if (!form) return;
  let timer;
  const wait = (pause) => {
    clearTimeout(timer);
    timer = setTimeout(() => apply(form), pause);
  };
  form.addEventListener("input", (event) => wait(event.target.type === "search" ? PAUSE : 0));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    wait(0);
  });
  if (isAhead(form)) wait(0); // somebody was quicker than this script
}

/** Whether something else is chosen than what the address shows. */
function isAhead(form) {
  const shown = new URLSearchParams(location.search);
  return [...new FormData(form)].some(([name, value]) => value !== (shown.get(name) ?? ""));
}

function apply(form) {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (value) query.set(name, value);
  }
  const text = query.toString();
  history.replaceState(null, "", text ? `/?${text}` : "/");
  refresh({ now: true });
}
