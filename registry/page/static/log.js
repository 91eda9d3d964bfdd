/**
 * Shows an agent's log while it is written. The agent sends it only as long as this page asks for it.
 */

const MOST = 1_000; // lines on the page

const LIVE = "Live: new lines appear as they are written.";

let stream = null;

/** Turn the link that loads the last lines into a button that follows the log. */
export function offerLog() {
  const section = document.getElementById("log");
  const link = document.getElementById("log-load");
  // Browsers take the ids "." and ".." for folders: no address leads to their logs.
  if (!section || /^\.\.?$/.test(section.dataset.agent)) return;
  const button = document.createElement("button");
  button.id = link.id;
  button.textContent = "Watch the log";
  link.replaceWith(button);
  const address = `/api/agents/${encodeURIComponent(section.dataset.agent)}/logs`;
  let isWatching = false;
  const watch = (wish) => {
    isWatching = wish;
    button.textContent = wish ? "Stop watching" : "Watch the log";
    if (wish) follow(address, () => watch(false));
    else stop();
  };
  button.addEventListener("click", () => {
    if (isWatching) say("The agent does not send its log any more.");
    watch(!isWatching);
  });
  // Nobody looks at a hidden tab, so nothing is asked for it.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) stop();
    else if (isWatching) follow(address, () => watch(false));
  });
  window.addEventListener("pagehide", stop);
  new MutationObserver(() => {
    if (isWatching) say(hasLine() ? LIVE : "The agent has lost its line. Its log goes on when it has one again.");
  }).observe(document.getElementById("agent-now"), { attributeFilter: ["data-has-line"] });
}

function follow(address, ended) {
  stop();
  say("Asking the agent …");
  stream = new EventSource(address);
  stream.addEventListener("start", (event) => {
    say(LIVE);
    box().replaceChildren();
    add(JSON.parse(event.data).lines);
  });
  stream.addEventListener("lines", (event) => add(JSON.parse(event.data).lines));
  stream.addEventListener("error", async () => {
    ended();
    say(await why(address));
  });
}

function stop() {
  stream?.close();
  stream = null;
}

/** An event stream does not tell why it ended, so the same is asked for once without one. */
async function why(address) {
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(5_000) });
    if (response.ok) return "The connection was lost. Watch it again to go on.";
    return `Not to be had: ${(await response.json()).error.message}.`;
  } catch {
    return "The registry does not answer.";
  }
}

function add(lines) {
  const place = box();
  place.hidden = false;
  const isAtEnd = place.scrollHeight - place.scrollTop - place.clientHeight < 30;
  for (const line of lines) {
    const row = document.createElement("span");
    row.dir = "auto";
    row.textContent = `${line}\n`;
    place.append(row);
  }
  while (place.childElementCount > MOST) place.firstElementChild.remove();
  if (isAtEnd) place.scrollTop = place.scrollHeight; // who has scrolled up reads
}

function hasLine() {
  return "hasLine" in document.getElementById("agent-now").dataset;
}

function box() {
  return document.getElementById("log-lines");
}

function say(text) {
  document.getElementById("log-state").textContent = text;
}
