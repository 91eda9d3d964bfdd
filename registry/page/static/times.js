/**
 * Keeps every `<time data-time>` up to date: `ago`, `lasting`, `left` or `due`, in the words of words.py.
 *
 * The registry's clock counts, not the browser's, which may be minutes off.
 */

const SECOND = 1_000;

let ahead = 0; // milliseconds that the registry's clock is ahead of the browser's

/** Take the registry's time. @param {string} date As in `data-now`. */
export function setClock(date) {
  ahead = Date.parse(date) - Date.now();
}

/** Start to count. */
export function keepTime() {
  const now = document.querySelector("[data-now]");
  if (now) setClock(now.dataset.now);
  setInterval(tick, SECOND);
}

/** Write all times anew. */
export function tick() {
  if (document.hidden) return;
  const now = Date.now() + ahead;
  for (const time of document.querySelectorAll("time[data-time]")) {
    const text = words(time.dataset.time, (now - Date.parse(time.dateTime)) / SECOND);
    if (time.textContent !== text) time.textContent = text;
  }
}

function words(mode, seconds) {
  if (mode === "left") return seconds < 0 ? `${span(-seconds)} left` : `over for ${span(seconds)}`;
  if (mode === "due") return seconds <= -1 ? `in ${span(-seconds)}` : "due now";
  if (mode === "lasting") return `for ${span(seconds)}`;
  return seconds < 1 ? "now" : `${span(seconds)} ago`;
}

function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)} min`;
  if (whole < 86_400) return `${Math.floor(whole / 3_600)} h`;
  const days = Math.floor(whole / 86_400);
  return days === 1 ? "1 day" : `${days} days`;
}
