import assert from "node:assert/strict";
import { test } from "node:test";
import { DisconnectReason } from "livekit-client";
import { afterEnd, failuresAfter, nextWait, SETTLED } from "../src/endings.js";

const ANEW = { again: true, isAnew: true };
const ENDED = { again: false, ending: "agent_ended" };

const DELETED = { again: false, ending: "deleted" };

const cases: [string, DisconnectReason | undefined, number, string, unknown, boolean?][] = [
  ["a network that is gone is waited for", undefined, 60, "", { again: true, isAnew: false }],
  ["a server that stops is waited for", DisconnectReason.SERVER_SHUTDOWN, 60, "", { again: true, isAnew: false }],
  ["another tab keeps the call", DisconnectReason.DUPLICATE_IDENTITY, 60, "", { again: false, ending: "taken" }],
  ["who is removed stays out", DisconnectReason.PARTICIPANT_REMOVED, 60, "", { again: false, ending: "removed" }],
  ["a deleted room is made anew", DisconnectReason.ROOM_DELETED, SETTLED, "", ANEW],
  ["a closed room is made anew", DisconnectReason.ROOM_CLOSED, 60, "", ANEW],
  ["one that is deleted at once is, too", DisconnectReason.ROOM_DELETED, SETTLED - 0.1, "", ANEW, false],
  ["one that is deleted at once again is not", DisconnectReason.ROOM_DELETED, SETTLED - 0.1, "", DELETED, true],
  ["one that is deleted later again is", DisconnectReason.ROOM_DELETED, SETTLED, "", ANEW, true],
  ["an agent that ends the call is not called again", DisconnectReason.ROOM_DELETED, 60, "max_session", ENDED],
  ["one whose worker stops is", DisconnectReason.ROOM_DELETED, 60, "worker_shutdown", ANEW],
];

for (const [name, reason, inside, leaving, expected, isAgain = false] of cases) {
  test(name, () => assert.deepEqual(afterEnd(reason, inside, leaving, isAgain), expected));
}

test("a connection that flaps is joined less and less often", () => {
  assert.deepEqual([0, SETTLED - 0.1, SETTLED].map((inside) => failuresAfter(3, inside)), [3, 3, 0]);
});

test("the waits grow and stay bounded", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 99].map(nextWait), [0.3, 1, 2, 4, 8, 8, 8]);
});
