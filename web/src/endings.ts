/** What to do when LiveKit has ended the connection. Pure. */

import { DisconnectReason } from "livekit-client";
import type { Ending } from "./facts.js";

/** Whether to come in again by itself, and else what to say. */
export type Next = { again: true; isAnew: boolean } | { again: false; ending: Ending };

/** A room that is closed again so soon after it was joined anew would be joined and closed for ever. */
export const SETTLED = 10; // seconds

const WAITS = [0.3, 1, 2, 4, 8]; // seconds, then the last one again and again

/**
 * @param inside Seconds in the call before it ended.
 * @param leaving Why the agent said that it leaves; empty = it did not.
 * @param isAgain Whether the page had come in because the room was closed.
 */
export function afterEnd(
  reason: DisconnectReason | undefined,
  inside: number,
  leaving: string,
  isAgain: boolean,
): Next {
  switch (reason) {
    case DisconnectReason.DUPLICATE_IDENTITY:
      return { again: false, ending: "taken" };
    case DisconnectReason.PARTICIPANT_REMOVED:
      return { again: false, ending: "removed" };
    case DisconnectReason.ROOM_DELETED:
    case DisconnectReason.ROOM_CLOSED:
      // An agent that ends the call on purpose is not called again behind the human's back.
      if (leaving && leaving !== "worker_shutdown") return { again: false, ending: "agent_ended" };
      return isAgain && inside < SETTLED ? { again: false, ending: "deleted" } : { again: true, isAnew: true };
    default:
      return { again: true, isAnew: false };
  }
}

/**
 * Failures in a row, now that a connection has ended. One that lasts no time is a failure, too: it would be joined and
 * lost for ever, several times a second.
 *
 * @param inside Seconds in the call before it ended.
 */
export function failuresAfter(failures: number, inside: number): number {
  return inside < SETTLED ? failures : 0;
}

/** Seconds before the next try. `failures`: in a row, 0 for the first one. */
export function nextWait(failures: number): number {
  return WAITS[Math.min(failures, WAITS.length - 1)] ?? 0;
}
