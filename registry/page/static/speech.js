/**
 * Says what has changed to people who listen to the page. Seldom: a list that talks all the time is switched off.
 */

const PAUSE = 4_000; // ms between two sentences
const MOST = 3; // agents that are called by their names

let waiting = [];
let timer = null;
let told = new Set(); // notices of the registry that were said already, without their numbers

/** Say a sentence soon. */
export function speak(text) {
  waiting.push(text);
  if (timer !== null) return;
  say();
  timer = setTimeout(function next() {
    timer = null;
    if (waiting.length) {
      say();
      timer = setTimeout(next, PAUSE);
    }
  }, PAUSE);
}

function say() {
  const texts = waiting;
  waiting = [];
  document.getElementById("spoken").textContent =
    texts.length > MOST ? `${texts.length} changes, the last one: ${texts.at(-1)}` : texts.join(". ");
}

/** Say how the agents and the notices of a new version of the page differ from those of this one. */
export function tellChanges(fresh) {
  const before = statuses(document);
  for (const [key, agent] of statuses(fresh)) {
    const old = before.get(key);
    if (old && old.status !== agent.status) speak(`${agent.name}: ${agent.status}`);
  }
  const notices = new Map();
  for (const notice of fresh.querySelectorAll(".notices .text")) {
    notices.set(notice.textContent.replace(/\d+/g, ""), notice.textContent);
  }
  for (const [kind, text] of notices) {
    if (!told.has(kind)) speak(text);
  }
  told = new Set(notices.keys());
}

function statuses(page) {
  const found = new Map();
  for (const row of page.querySelectorAll("[data-key][data-status]")) {
    found.set(row.dataset.key, { name: row.dataset.name, status: row.dataset.status });
  }
  return found;
}
