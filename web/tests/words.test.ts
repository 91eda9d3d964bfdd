import assert from "node:assert/strict";
import { test } from "node:test";
import { agentOf } from "../src/agent.js";
import { AT_FIRST, type Facts } from "../src/facts.js";
import { joinWord, sayings, stateWord } from "../src/words.js";

const agent = (attributes: Record<string, string> = {}): Facts["agent"] =>
  agentOf("ai-1", { "lk.agent.state": "listening", ...attributes });
const noting = (notes: object): Facts["agent"] => agent({ "roomkeeper.notes": JSON.stringify(notes) });
const inCall = (more: Partial<Facts>): Facts => ({ ...AT_FIRST, phase: "in_call", microphone: "on", agent: agent(), ...more });
const said = (facts: Facts): string => sayings(facts).map((each) => each.text).join(" | ");

test("a call in which all is well says nothing", () => {
  assert.equal(said(inCall({})), "");
  assert.equal(said(AT_FIRST), "");
});

const cases: [string, Facts, RegExp][] = [
  ["nobody is there yet", inCall({ agent: null, isAlone: true, why: { answer: "No worker.", nextStep: "wait" } }), /No agent is here yet.*No worker. Next: wait/],
  ["the agent died", inCall({ agent: null, lost: { died: true, reason: "" } }), /is gone. It is being replaced/],
  ["the agent has left", inCall({ agent: null, lost: { died: false, reason: "max_session" } }), /has left: the call took as long/],
  ["a reason of another version", inCall({ agent: null, lost: { died: false, reason: "new_rule" } }), /has left: new rule/],
  ["another one is there", inCall({ isSuccessor: true }), /^Another agent has taken over\.$/],
  ["the registry misses the agent", inCall({ isUnheard: true }), /does not answer its registry/],
  ["it is leaving", inCall({ agent: agent({ "roomkeeper.leaving": "operator" }) }), /is leaving: somebody who runs it/],
  ["it waits for its model", inCall({ agent: noting({ waiting: "llm" }) }), /waits for its language model/],
  ["it cannot hear", inCall({ agent: noting({ waiting: "stt" }) }), /cannot hear/],
  ["it cannot speak", inCall({ agent: noting({ waiting: "tts" }) }), /cannot speak/],
  ["its face failed", inCall({ agent: noting({ avatar: "failed: timeout" }) }), /face has failed/],
  ["its face is not installed", inCall({ agent: noting({ avatar: "absent" }) }), /face is not installed/],
  ["another provider serves", inCall({ agent: noting({ fallback: ["tts: cartesia is not installed"] }) }), /cartesia is not installed/],
  ["it translates", inCall({ agent: noting({ translate: "es" }) }), /says in Spanish/],
  ["into a language that does not exist", inCall({ agent: noting({ translate: "<b>" }) }), /says in <b>/],
  ["the network is away", inCall({ phase: "reconnecting" }), /connection is lost. Connecting again/],
  ["the room was closed", inCall({ phase: "returning", isAnew: true, agent: null }), /room was closed. Joining again/],
  ["no sound is played", inCall({ canPlay: false }), /plays no sound/],
  ["the microphone is refused", inCall({ microphone: "refused" }), /may not use the microphone/],
  ["there is none", inCall({ microphone: "absent" }), /No microphone was found/],
  ["it vanished", inCall({ microphone: "gone" }), /has vanished/],
  ["another one took its place", inCall({ insteadOf: { label: "Headset", cause: "vanished" } }), /vanished; “Headset” is used instead/],
  ["a chosen one cannot be opened", inCall({ insteadOf: { label: "Desk", cause: "chosen" } }), /chose cannot be opened; “Desk” is used/],
  ["LiveKit does not take it", inCall({ isUnpublished: true }), /does not reach the call/],
  ["somebody else hears it all", inCall({ others: 1 }), /^One other person is in this call\.$/],
  ["several do", inCall({ others: 3 }), /^3 other people are in this call\.$/],
  ["the registry lets nobody in", { ...AT_FIRST, ending: "refused", trouble: "No keys." }, /No keys/],
];

for (const [name, facts, expected] of cases) test(name, () => assert.match(said(facts), expected));

test("a login is offered where the registry wants one, and sound where there is none", () => {
  assert.equal(sayings({ ...AT_FIRST, ending: "logged_out" })[0]?.offer, "login");
  assert.equal(sayings(inCall({ canPlay: false }))[0]?.offer, "sound");
});

test("no two sayings have one key", () => {
  const all = inCall({
    isUnheard: true,
    canPlay: false,
    microphone: "gone",
    isUnpublished: true,
    others: 2,
    chatTrouble: "x",
    sharingTrouble: "y",
    agent: noting({ waiting: "llm", avatar: "absent", translate: "de", fallback: ["a"] }),
  });
  const keys = sayings(all).map((each) => each.key);
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(keys.length, 10);
});

test("the state is one word", () => {
  const words = ["listening", "thinking", "speaking", "initializing", "another"].map(
    (state) => stateWord(inCall({ agent: agent({ "lk.agent.state": state }) })).word,
  );
  assert.deepEqual(words, ["Listening", "Thinking", "Speaking", "Starting", "Starting"]);
  assert.equal(stateWord(inCall({ agent: noting({ waiting: "llm" }) })).word, "Waiting");
  assert.equal(stateWord(inCall({ agent: null })).word, "No agent");
  assert.equal(stateWord(AT_FIRST).word, "Not in the call");
});

test("the button says what it does", () => {
  assert.deepEqual([null, "left", "taken"].map((each) => joinWord(each as Facts["ending"])), [
    "Join the call",
    "Join again",
    "Bring the call back here",
  ]);
});
