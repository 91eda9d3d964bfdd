import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Sight } from "../src/registry.js";

/** A stream of the registry's events that the test sends. */
class Stream extends EventTarget {
  static readonly CLOSED = 2;
  static all: Stream[] = [];
  isClosed = false;
  readyState = 1;

  constructor() {
    super();
    Stream.all.push(this);
  }

  close(): void {
    this.isClosed = true;
  }

  /** The line breaks, and the browser comes back by itself; or it will not, after an answer other than 200. */
  fail(isForGood: boolean): void {
    this.readyState = isForGood ? Stream.CLOSED : 0;
    this.dispatchEvent(new Event("error"));
  }

  tell(status: string): void {
    const data = JSON.stringify({ agents: [{ agentId: "ada", suspect: false, status }] });
    this.dispatchEvent(new MessageEvent("agents", { data }));
  }
}

const tab = Object.assign(new EventTarget(), { hidden: false });
let answer: () => Promise<Response>;
const row = (status: string): Response => Response.json({ agentId: "ada", suspect: false, status });
const settled = (): Promise<void> => new Promise((done) => setTimeout(done, 5));

Object.assign(globalThis, { document: tab, EventSource: Stream, fetch: () => answer() });

beforeEach(() => {
  Stream.all = [];
  tab.hidden = false;
});

function look(isHidden: boolean): void {
  tab.hidden = isHidden;
  tab.dispatchEvent(new Event("visibilitychange"));
}

function watching(): { told: boolean[]; sight: Sight } {
  const told: boolean[] = [];
  const sight = new Sight("ada", (isUnheard) => told.push(isUnheard));
  sight.open();
  return { told, sight };
}

test("what changed while nobody looked is asked for", async () => {
  const { told, sight } = watching();
  Stream.all[0]?.tell("offline");
  look(true);
  assert.equal(Stream.all[0]?.isClosed, true);
  answer = async () => row("running");
  look(false);
  Stream.all[1]?.dispatchEvent(new Event("open"));
  await settled();
  assert.deepEqual(told, [true, false]);
  sight.close();
});

test("a page that fell behind asks", async () => {
  const { told, sight } = watching();
  answer = async () => row("offline");
  Stream.all[0]?.dispatchEvent(new Event("reload"));
  await settled();
  assert.deepEqual(told, [true]);
  sight.close();
});

test("an event is newer than an answer that was asked for before it", async () => {
  const { told, sight } = watching();
  let reply = (_: Response): void => {};
  answer = () => new Promise((done) => (reply = done));
  Stream.all[0]?.dispatchEvent(new Event("open"));
  Stream.all[0]?.tell("running");
  reply(row("offline"));
  await settled();
  assert.deepEqual(told, [false]);
  sight.close();
});

test("a registry that does not answer is not believed, and one that knows nobody misses nobody", async () => {
  const { told, sight } = watching();
  answer = () => Promise.reject(new TypeError("no network"));
  Stream.all[0]?.dispatchEvent(new Event("open"));
  await settled();
  assert.deepEqual(told, []);
  answer = async () => new Response("{}", { status: 404 });
  Stream.all[0]?.dispatchEvent(new Event("open"));
  await settled();
  assert.deepEqual(told, [false]);
  sight.close();
});

test("what the browser gives up is opened again, less and less often, until it answers", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  answer = () => Promise.reject(new TypeError("no network"));
  const { told, sight } = watching();
  try {
    let n = 1;
    for (const wait of [300, 600, 1200, 2400, 4800, 9600, 19200, 30000, 30000]) {
      Stream.all.at(-1)?.fail(true);
      mock.timers.tick(wait - 1);
      assert.equal(Stream.all.length, n, `before ${wait} ms`);
      mock.timers.tick(1);
      assert.equal(Stream.all.length, ++n, `at ${wait} ms`);
    }
    Stream.all.at(-1)?.dispatchEvent(new Event("open"));
    Stream.all.at(-1)?.tell("offline");
    assert.deepEqual(told, [true]);
    Stream.all.at(-1)?.fail(true);
    mock.timers.tick(300);
    assert.equal(Stream.all.length, n + 1);
  } finally {
    sight.close();
    mock.timers.reset();
  }
});

test("a broken line is left to the browser, and nobody listens after the call or in a hidden tab", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { sight } = watching();
  try {
    Stream.all[0]?.fail(false);
    mock.timers.tick(60_000);
    assert.equal(Stream.all.length, 1);
    Stream.all[0]?.fail(true);
    look(true);
    mock.timers.tick(60_000);
    assert.equal(Stream.all.length, 1);
    look(false);
    assert.equal(Stream.all.length, 2);
    Stream.all[1]?.fail(true);
    sight.close();
    sight.close();
    mock.timers.tick(60_000);
    assert.equal(Stream.all.length, 2);
  } finally {
    mock.timers.reset();
  }
});
