/**
 * Keeps the parts of the page that are marked `data-live` as they are at the registry.
 *
 * The registry says by server-sent events that something has changed; what it looks like now is fetched as HTML, twice
 * a second at most. Every two seconds the ages of the last beats are asked for, which change without an event. Pages
 * whose part is marked `data-poll` (rooms, sessions, processes) are fetched at that pace while somebody looks, and
 * those marked `data-slow` (models), whose measurements change without an event, every five seconds.
 */

import { morph } from "./morph.js";
import { ANSWERED, STRANGER, beatsOf } from "./pulse.js";
import { speak, tellChanges } from "./speech.js";
import { setClock, tick } from "./times.js";

const ROOM = "room:"; // how ids of rooms begin among those that have changed
const GAP = 500; // ms between two fetches. A slow registry gets longer: five times what the last one took
const PULSE = 2_000; // ms
const SLOW = 5_000; // ms between two looks at what changes without an event: measurements, notices
const HIDDEN = 15_000; // ms between two looks of a tab that nobody sees, for its title
const TIMEOUT = 10_000; // ms
const FIRST_RETRY = 300; // ms, doubled with each failure
const LAST_RETRY = 5_000;
const PATIENCE = 1_000; // ms without a connection before it is worth a word

let stream = null;
let retry = FIRST_RETRY;
let isOpen = false; // the stream of events
let isBeating = true; // the answers to pulses
let lostTimer = null;
let isLoggedOut = false;
let seenAt = new Date();

let loading = null; // what ends the fetch that is under way
let isWanted = false;
let isUrgent = false;
let notBefore = 0;

/** Start. */
export function goLive() {
  document.getElementById("pulse").hidden = false;
  connect();
  setInterval(pulse, PULSE);
  setInterval(() => !document.hidden && polls() && refresh(), PULSE);
  setInterval(() => !document.hidden && changesByItself() && refresh(), SLOW);
  setInterval(() => document.hidden && refresh(), HIDDEN);
  // A browser opens six connections to a host, for all its tabs: hidden ones must not hold any.
  document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
  window.addEventListener("pagehide", disconnect);
  window.addEventListener("pageshow", (event) => event.persisted && connect());
}

/** Fetch what the page shows, soon. May be called as often as one likes. `now`: what it shows is something else now. */
export function refresh({ now = false } = {}) {
  isWanted = true;
  isUrgent ||= now;
  if (now) loading?.abort();
  if (!loading) setTimeout(load, isUrgent ? 0 : Math.max(0, notBefore - performance.now()));
}

async function load() {
  if (loading || !isWanted) return;
  loading = new AbortController();
  const limit = setTimeout(() => loading.abort(), TIMEOUT);
  isWanted = isUrgent = false;
  const began = performance.now();
  try {
    await show(loading.signal);
  } catch {
    // The stream or the next pulse says that the registry is away; the page is loaded anew when it is back.
  } finally {
    clearTimeout(limit);
    loading = null;
    notBefore = began + Math.max(GAP, 5 * (performance.now() - began));
    if (isWanted) refresh();
  }
}

async function show(signal) {
  const url = new URL(location.href);
  url.searchParams.set("fragment", "live");
  url.hash = "";
  const response = await fetch(url, { signal });
  isLoggedOut = response.status === 401;
  if (isLoggedOut) showState();
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  tellChanges(fresh);
  for (const part of fresh.querySelectorAll("[data-live]")) {
    const old = document.getElementById(part.id);
    if (old) morph(old, document.importNode(part, true));
    if (part.dataset.now) setClock(part.dataset.now);
    if (part.dataset.title) setTitle(part.dataset.title, "trouble" in part.dataset);
  }
  seenAt = new Date();
  tick();
}

function setTitle(title, isTrouble) {
  if (document.title !== title) document.title = title;
  const icon = document.querySelector("link[rel=icon]");
  const picture = isTrouble ? "/static/icon-trouble.svg" : "/static/icon.svg";
  if (icon.getAttribute("href") !== picture) icon.href = picture;
}

function connect() {
  if (stream || document.hidden) return;
  stream = new EventSource("/api/events");
  stream.addEventListener("hello", () => {
    retry = FIRST_RETRY;
    isOpen = true;
    isBeating = true;
    showState();
    refresh(); // what happened since the page was made
  });
  stream.addEventListener("agents", (event) => concerns(event.data) && refresh());
  stream.addEventListener("sessions", (event) => concernsSession(event.data) && refresh());
  stream.addEventListener("reload", () => refresh());
  stream.addEventListener("error", () => {
    disconnect();
    showState();
    refresh(); // to find out whether it is the token
    setTimeout(connect, retry);
    retry = Math.min(retry * 2, LAST_RETRY);
  });
}

function disconnect() {
  stream?.close();
  stream = null;
  isOpen = false;
}

/** Whether a message about what has changed is about something on this page. */
function concerns(data) {
  const { agents, removed } = JSON.parse(data);
  const rooms = removed.filter((each) => each.startsWith(ROOM));
  if (polls()) return rooms.length > 0;
  const id = agentId();
  // The list: it may belong on this page of it now.
  if (id === undefined) return !rooms.length || agents.length > 0 || removed.length > rooms.length;
  return removed.includes(id) || agents.some((agent) => agent.agentId === id);
}

/** Whether a message about sessions that have told something is about the one on this page. */
function concernsSession(data) {
  const id = document.querySelector("[data-session]")?.dataset.session;
  return id !== undefined && JSON.parse(data).sessions.includes(id);
}

function changesByItself() {
  return agentId() !== undefined || document.querySelector(".notices, [data-slow]") !== null;
}

function polls() {
  return document.querySelector("[data-poll]") !== null;
}

function agentId() {
  return document.getElementById("agent-now")?.dataset.agent;
}

async function pulse() {
  if (document.hidden) return;
  const answer = await beatsOf(document);
  tick();
  isBeating = answer === ANSWERED;
  isLoggedOut = answer === STRANGER || (isLoggedOut && !isBeating);
  showState();
}

/** Say whether the page is live; that it is not only after a moment, since most connections come back at once. */
function showState() {
  const isLive = isOpen && isBeating && !isLoggedOut;
  if (isLive || isLoggedOut) {
    clearTimeout(lostTimer);
    lostTimer = null;
    showNotice(isLive);
  } else if (lostTimer === null) {
    lostTimer = setTimeout(() => showNotice(false), PATIENCE);
  }
}

function showNotice(isLive) {
  const state = document.getElementById("pulse");
  const notice = document.getElementById("not-live");
  state.classList.toggle("is-off", !isLive);
  state.querySelector(".word").textContent = isLive ? "live" : "not live";
  if (isLive) {
    if (!notice.hidden) speak("live again");
    notice.hidden = true;
    return;
  }
  if (!notice.hidden && notice.dataset.why === String(isLoggedOut)) return; // do not say it twice
  notice.dataset.why = String(isLoggedOut);
  if (isLoggedOut) {
    const link = document.createElement("a");
    link.href = `/login?next=${encodeURIComponent(location.pathname + location.search)}`;
    link.textContent = "Log in again";
    notice.replaceChildren("not live: the registry does not know this browser any more. ", link);
  } else {
    notice.textContent = `not live: the registry does not answer. This is how it was at ${seenAt.toLocaleTimeString()}.`;
  }
  notice.hidden = false;
}
