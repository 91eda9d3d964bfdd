import assert from "node:assert/strict";
import { test } from "node:test";
import { agentOf, parseNotes } from "../src/agent.js";

const NOTHING = { waiting: "", avatar: "", vision: false, isBlind: false, translate: "", fallback: [] };

test("an agent that says nothing has no notes", () => {
  assert.deepEqual(parseNotes(undefined), NOTHING);
  assert.deepEqual(parseNotes(""), NOTHING);
});

test("what is no object counts as not said", () => {
  for (const text of ["{", "null", "7", '"llm"', "[1]", "true"]) assert.deepEqual(parseNotes(text), NOTHING, text);
});

test("a value of another kind counts as not said, and the others stay", () => {
  const notes = parseNotes('{"waiting": 7, "vision": "yes", "fallback": [1, "tts: not installed"], "translate": "es"}');
  assert.deepEqual(notes, { ...NOTHING, translate: "es", fallback: ["tts: not installed"] });
});

test("texts and lists are cut", () => {
  const notes = parseNotes(JSON.stringify({ avatar: "x".repeat(9_999), fallback: Array(99).fill("a") }));
  assert.equal(notes.avatar.length, 200);
  assert.equal(notes.fallback.length, 5);
});

test("an agent is read from its attributes", () => {
  const attributes = { "lk.agent.state": "thinking", "roomkeeper.leaving": "operator", "roomkeeper.notes": '{"vision":true}' };
  const agent = agentOf("ai-1", attributes);
  assert.deepEqual([agent.identity, agent.state, agent.leaving, agent.notes.vision], ["ai-1", "thinking", "operator", true]);
});

test("an agent whose model refuses pictures says so", () => {
  const notes = parseNotes('{"vision":"not understood"}');
  assert.deepEqual([notes.vision, notes.isBlind], [false, true]);
});
