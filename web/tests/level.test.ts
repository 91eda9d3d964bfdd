import assert from "node:assert/strict";
import { test } from "node:test";
import { loudness } from "../src/level.js";

test("silence is nothing and the loudest sound is all", () => {
  assert.equal(loudness([]), 0);
  assert.equal(loudness(new Float32Array(64)), 0);
  assert.equal(loudness(new Float32Array(64).fill(1)), 1);
});

test("speech is in between", () => {
  const level = loudness(new Float32Array(64).fill(0.05));
  assert.ok(level > 0.5 && level < 0.8, String(level));
});
