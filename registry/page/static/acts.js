/**
 * Opens the forms for acts in a dialog over the page instead of on a page of their own.
 *
 * They are the same forms, made by the registry. The dialog is outside of what is replaced when something changes, so a
 * half-typed reason stays.
 */

import { refresh } from "./live.js";
import { speak } from "./speech.js";

const TIMEOUT = 10_000; // ms
const SHOWN = 10_000; // ms that the outcome stays on the page

/** Start. */
export function openActs() {
  const dialog = document.getElementById("dialog");
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-act]");
    const isPlain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) && event.button === 0;
    if (!link || !isPlain || !dialog.showModal) return;
    event.preventDefault();
    open(dialog, link);
  });
  dialog.addEventListener("click", (event) => {
    if (!event.target.closest("[data-close]")) return;
    event.preventDefault();
    dialog.close();
  });
  dialog.addEventListener("submit", (event) => {
    event.preventDefault();
    send(dialog, event.target);
  });
}

async function open(dialog, link) {
  const menu = link.closest(".menu");
  if (menu) {
    menu.querySelector("summary").focus(); // where the focus comes back to
    menu.open = false;
  }
  try {
    const response = await fetch(`${link.href}&fragment=1`, { signal: AbortSignal.timeout(TIMEOUT) });
    const form = part(await response.text(), "form");
    if (!form) throw new Error("no form");
    dialog.replaceChildren(form);
    dialog.setAttribute("aria-labelledby", "act-title");
    dialog.showModal();
  } catch {
    location.href = link.href; // whatever is wrong, that page says it
  }
}

async function send(dialog, form) {
  const button = form.querySelector("button");
  button.disabled = true;
  const body = new URLSearchParams(new FormData(form));
  body.set("fragment", "1");
  try {
    const response = await fetch(form.action, { method: "POST", body, signal: AbortSignal.timeout(TIMEOUT) });
    const text = await response.text();
    const again = part(text, "form");
    if (response.ok) {
      dialog.close();
      tell(part(text, "#said").textContent);
      refresh({ now: true });
    } else if (again) {
      dialog.replaceChildren(again);
      again.querySelector("[name=reason]").focus();
    } else {
      complain(form, part(text, "#said")?.textContent ?? `It was not done (${response.status}).`);
    }
  } catch {
    complain(form, "The registry did not answer. Look whether it was done before you try again.");
  }
  button.disabled = false;
}

function part(text, selector) {
  const found = new DOMParser().parseFromString(text, "text/html").querySelector(selector);
  return found && document.importNode(found, true);
}

function complain(form, text) {
  const old = form.querySelector("[role=alert]");
  const line = document.createElement("p");
  line.className = "banner is-error";
  line.setAttribute("role", "alert");
  line.textContent = text;
  if (old) old.replaceWith(line);
  else form.querySelector(".buttons").before(line);
}

let hiding;

function tell(text) {
  const said = document.getElementById("said");
  said.textContent = text;
  said.hidden = false;
  speak(text);
  clearTimeout(hiding);
  hiding = setTimeout(() => (said.hidden = true), SHOWN);
}
