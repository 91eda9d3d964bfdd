import assert from "node:assert/strict";
import { test } from "node:test";
import { randomDigits, Tab } from "../src/tab.js";

function storage(): Pick<Storage, "getItem" | "setItem" | "removeItem"> {
  const kept = new Map<string, string>();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}

test("a tab is the same human after a reload, and another tab is somebody else", () => {
  const mine = storage();
  const identity = new Tab(mine, randomDigits).identity;
  assert.match(identity, /^guest-[0-9a-f]{24}$/);
  assert.equal(new Tab(mine, randomDigits).identity, identity);
  assert.notEqual(new Tab(storage(), randomDigits).identity, identity);
});

test("an identity that this page did not make is not used", () => {
  const mine = storage();
  mine.setItem("roomkeeper.talk.identity", "ai-agent");
  assert.match(new Tab(mine, randomDigits).identity, /^guest-/);
});

test("the call is remembered until it is left", () => {
  const tab = new Tab(storage(), randomDigits);
  assert.equal(tab.isInCallWith("ada"), false);
  tab.enter("ada");
  assert.deepEqual([tab.isInCallWith("ada"), tab.isInCallWith("max")], [true, false]);
  tab.leave();
  tab.leave();
  assert.equal(tab.isInCallWith("ada"), false);
});
