import assert from "node:assert/strict";
import { test } from "node:test";
import { Captions, type Line } from "../src/captions.js";

function fresh(): { captions: Captions; shown: () => [string, boolean][]; gone: Line[] } {
  const lines = new Map<string, Line>();
  const gone: Line[] = [];
  const captions = new Captions(
    (line) => lines.set(line.key, line),
    (line) => {
      lines.delete(line.key);
      gone.push(line);
    },
  );
  return { captions, shown: () => [...lines.values()].map((line) => [line.text, line.isFinal]), gone };
}

test("an agent's sentence grows in one stream", () => {
  const { captions, shown } = fresh();
  const writing = captions.begin("ai-1", "SG_1", "agent", false);
  writing.add("Hello, ");
  assert.deepEqual(shown(), [["Hello,", false]]);
  writing.add("this is Ada.");
  writing.end(true);
  assert.deepEqual(shown(), [["Hello, this is Ada.", true]]);
});

test("a human's sentence is replaced by each newer version", () => {
  const { captions, shown } = fresh();
  const first = captions.begin("guest", "SG_1", "you", false);
  first.add("Where is the ball");
  first.end(false);
  const second = captions.begin("guest", "SG_1", "you", false);
  assert.deepEqual(shown(), [["Where is the ball", false]], "nothing is taken away before the new one has a word");
  second.add("Where is the pool");
  first.add(" game");
  assert.deepEqual(shown(), [["Where is the pool", false]], "an older version that comes late changes nothing");
  const last = captions.begin("guest", "SG_1", "you", true);
  last.add("Where is the pool?");
  last.end(true);
  assert.deepEqual(shown(), [["Where is the pool?", true]]);
});

test("streams without a word make no line", () => {
  const { captions, shown } = fresh();
  captions.begin("guest", "SG_1", "you", true).end(true);
  captions.begin("guest", "SG_2", "you", true).add("  ");
  assert.deepEqual(shown(), []);
});

test("what was being said when its speaker died is final", () => {
  const { captions, shown } = fresh();
  const writing = captions.begin("ai-1", "SG_1", "agent", false);
  writing.add("The pool is on the");
  captions.settle();
  assert.deepEqual(shown(), [["The pool is on the", true]]);
  writing.add(" roof");
  assert.deepEqual(shown(), [["The pool is on the", true]]);
});

test("the oldest lines go", () => {
  const { captions, shown, gone } = fresh();
  for (let at = 0; at < 305; at += 1) captions.write("guest", `text ${at}`, "you");
  assert.equal(shown().length, 300);
  assert.deepEqual(gone.map((line) => line.text), ["text 0", "text 1", "text 2", "text 3", "text 4"]);
});
