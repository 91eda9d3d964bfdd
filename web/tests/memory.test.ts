import assert from "node:assert/strict";
import { test } from "node:test";
import type { Line } from "../src/captions.js";
import { Memory } from "../src/memory.js";

const KEY = "roomkeeper.talk.lines.ada";

class FakeStorage {
  readonly kept = new Map<string, string>();
  isFull = false;

  getItem(key: string): string | null {
    return this.kept.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    if (this.isFull) throw new DOMException("full", "QuotaExceededError");
    this.kept.set(key, value);
  }

  removeItem(key: string): void {
    this.kept.delete(key);
  }
}

function said(key: string, text: string, more: Partial<Line> = {}): Line {
  return { key, who: "agent", identity: "ai-1", text, isFinal: true, isWritten: false, sentAt: 7, ...more };
}

function texts(storage: FakeStorage, agentId = "ada"): string[] {
  return new Memory(storage, agentId).recall().map((line) => line.text);
}

test("a reload brings final lines back as they were, under keys of their own", () => {
  const storage = new FakeStorage();
  const memory = new Memory(storage, "ada");
  memory.keep(said("ai-1/SG_1", "Hello, this"));
  memory.keep(said("written/1", "Where?", { who: "you", identity: "guest", isWritten: true, sentAt: 0 }));
  memory.keep(said("ai-1/SG_1", "Hello, this is Ada."));
  memory.keep(said("ai-1/SG_2", "On the", { isFinal: false }));
  assert.deepEqual(new Memory(storage, "ada").recall(), [
    said("earlier/0", "Hello, this is Ada."),
    said("earlier/1", "Where?", { who: "you", identity: "guest", isWritten: true, sentAt: 0 }),
  ]);
  assert.deepEqual(texts(storage, "max"), [], "another agent's call is another one");
});

test("lines after a reload join those before it, also under the same key", () => {
  const storage = new FakeStorage();
  new Memory(storage, "ada").keep(said("written/1", "one"));
  const second = new Memory(storage, "ada");
  second.recall();
  second.keep(said("written/1", "two"));
  assert.deepEqual(texts(storage), ["one", "two"]);
});

test("a page that the browser has kept whole shows its lines still, and learns those of another one", () => {
  const storage = new FakeStorage();
  const kept = new Memory(storage, "ada");
  kept.keep(said("written/1", "one"));
  assert.deepEqual(kept.recall(), []);
  const other = new Memory(storage, "ada");
  other.recall();
  other.keep(said("written/1", "two"));
  assert.deepEqual(kept.recall().map((line) => line.text), ["one", "two"]);
  kept.keep(said("written/2", "three"));
  assert.deepEqual(texts(storage), ["one", "two", "three"]);
});

test("the last 100 lines are kept, cut at 2,000 characters", () => {
  const storage = new FakeStorage();
  const first = new Memory(storage, "ada");
  for (let at = 0; at < 70; at += 1) first.keep(said(`SG_${at}`, `before ${at}`));
  const second = new Memory(storage, "ada");
  second.recall();
  for (let at = 0; at < 70; at += 1) second.keep(said(`SG_${at}`, `after ${at}`));
  const shown = texts(storage);
  assert.deepEqual([shown.length, shown[0], shown[30], shown[99]], [100, "before 40", "after 0", "after 69"]);
  for (let at = 0; at < 200; at += 1) second.keep(said(`long/${at}`, "x".repeat(2_000 + (at % 2))));
  assert.deepEqual(texts(storage).map((text) => text.length), Array(100).fill(2_000));
  assert.deepEqual(texts(storage).slice(-2), ["x".repeat(2_000), `${"x".repeat(1_999)}…`]);
});

test("a full storage costs nothing but the memory", () => {
  const storage = new FakeStorage();
  const memory = new Memory(storage, "ada");
  memory.keep(said("SG_1", "one"));
  storage.isFull = true;
  memory.keep(said("SG_2", "two"));
  assert.deepEqual(memory.recall(), [], "the page shows more than the storage has");
  assert.deepEqual(texts(storage), ["one"]);
  storage.isFull = false;
  memory.keep(said("SG_3", "three"));
  assert.deepEqual(texts(storage), ["one", "two", "three"]);
});

test("what is forgotten does not come back", () => {
  const storage = new FakeStorage();
  new Memory(storage, "ada").keep(said("SG_1", "one"));
  const memory = new Memory(storage, "ada");
  memory.recall();
  memory.keep(said("SG_2", "two"));
  memory.forget();
  memory.forget();
  assert.equal(storage.getItem(KEY), null);
  assert.deepEqual(memory.recall(), []);
  memory.keep(said("SG_3", "three"));
  assert.deepEqual(texts(storage), ["three"]);
});

test("what is no line is left out", () => {
  const storage = new FakeStorage();
  const line = { who: "you", identity: "guest", text: "one", isWritten: false, sentAt: 0 };
  for (const stored of ["", "{", "null", "{}", '"text"']) {
    storage.setItem(KEY, stored);
    assert.deepEqual(texts(storage), [], stored);
  }
  const wrong = [null, 1, "text", {}, { ...line, who: "nobody" }, { ...line, text: 1 }, { ...line, sentAt: "now" }];
  storage.setItem(KEY, JSON.stringify([...wrong, line]));
  assert.deepEqual(texts(storage), ["one"]);
});
