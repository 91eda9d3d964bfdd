import assert from "node:assert/strict";
import { test } from "node:test";
import { stateOf } from "../src/microphone.js";
import { whyNotShared } from "../src/media.js";

const failed = (name: string): DOMException => new DOMException("the browser's words", name);

test("a microphone that cannot be opened says why", () => {
  const names = ["NotAllowedError", "NotFoundError", "OverconstrainedError", "NotReadableError"];
  assert.deepEqual(names.map((name) => stateOf(failed(name))), ["refused", "absent", "absent", "busy"]);
  assert.equal(stateOf("no error"), "busy");
});

test("so does a camera, and a screen that nobody chose says nothing", () => {
  assert.match(whyNotShared("camera", failed("NotAllowedError")), /may not use the camera/);
  assert.match(whyNotShared("camera", failed("NotFoundError")), /No camera/);
  assert.equal(whyNotShared("screen", failed("NotAllowedError")), "");
  assert.match(whyNotShared("screen", failed("NotReadableError")), /cannot share the screen/);
});
