import assert from "node:assert/strict";
import { test } from "node:test";
import { ParticipantKind } from "livekit-client";
import { isHuman } from "../src/company.js";

const cases: [string, ParticipantKind, string, Record<string, string>, boolean][] = [
  ["a guest of another tab", ParticipantKind.STANDARD, "guest-1", {}, true],
  ["somebody who calls by telephone", ParticipantKind.SIP, "sip-1", {}, true],
  ["an agent", ParticipantKind.AGENT, "agent-1", {}, false],
  ["an agent's face", ParticipantKind.STANDARD, "face", { "lk.publish_on_behalf": "ai-1" }, false],
  ["an agent of an older kind", ParticipantKind.STANDARD, "ai-1", {}, false],
  ["what records the call", ParticipantKind.EGRESS, "EG_1", {}, false],
];

for (const [name, kind, identity, attributes, expected] of cases) {
  test(`${name} is ${expected ? "" : "not "}counted`, () => assert.equal(isHuman({ kind, identity, attributes }), expected));
}
