/**
 * Asks when the agents on the page were last heard. Beats that say nothing new make no event.
 */

const LONGEST = 6_000; // characters of one address; servers take eight thousand
const TIMEOUT = 4_000; // ms

/** What became of a question. */
export const ANSWERED = "answered";
export const UNANSWERED = "unanswered";
export const STRANGER = "stranger"; // the registry does not know this browser

/** Bring the times of last beats up to date. @returns {Promise<string>} What became of it. */
export async function beatsOf(page) {
  const places = new Map();
  for (const place of page.querySelectorAll(".agent[data-key][data-status], [data-agent][data-now]")) {
    places.set(place.dataset.key ?? place.dataset.agent, place);
  }
  try {
    for (const query of queries(places.keys())) {
      const response = await fetch(`/api/pulse${query}`, { signal: AbortSignal.timeout(TIMEOUT) });
      if (response.status === 401) return STRANGER;
      if (!response.ok) continue;
      const { agents } = await response.json();
      for (const [id, beat] of Object.entries(agents)) {
        set(places.get(id), ".beat time", beat.lastHeartbeat);
        set(places.get(id), ".active time", beat.lastActivity);
      }
    }
    return ANSWERED;
  } catch {
    return UNANSWERED;
  }
}

/** Addresses that ask for all ids; one with none when there are none, to hear whether somebody answers. */
function* queries(ids) {
  let query = "";
  for (const id of ids) {
    const part = `id=${encodeURIComponent(id)}`;
    if (query && query.length + part.length > LONGEST) {
      yield query;
      query = "";
    }
    query += `${query ? "&" : "?"}${part}`;
  }
  yield query;
}

function set(place, selector, date) {
  const time = date && place?.querySelector(selector);
  if (time && Date.parse(time.dateTime) < Date.parse(date)) time.dateTime = date;
}
