import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Sight } from "../src/registry.js";

/** A stream of the registry's events that the test sends. */
class Stream extends EventTarget {
  static all: Stream[] = [];
  isClosed = false;

  constructor() {
    super();
    Stream.all.push(this);
  }

  close(): void {
    this.isClosed = true;
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
