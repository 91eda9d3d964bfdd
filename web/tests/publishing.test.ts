import assert from "node:assert/strict";
import { test } from "node:test";
import { Track, type LocalAudioTrack, type LocalTrack } from "livekit-client";
import { Publishing, type Publisher } from "../src/publishing.js";

/** Takes tracks as LiveKit does: a while later, and not while it is broken. */
class Me implements Publisher {
  readonly trackPublications = new Map<string, { source: Track.Source; track?: LocalTrack }>();
  isBroken = false;
  most = 0; // microphones at once
  private made = 0;

  async publishTrack(track: LocalAudioTrack, { source }: { source: Track.Source }): Promise<void> {
    await later();
    if (this.isBroken) throw new Error("the engine is closed");
    this.made += 1;
    this.trackPublications.set(`TR_${this.made}`, { source, track });
    this.most = Math.max(this.most, this.microphones.length);
  }

  async unpublishTrack(track: LocalTrack, stopOnUnpublish: boolean): Promise<void> {
    assert.equal(stopOnUnpublish, true);
    await later();
    for (const [sid, each] of this.trackPublications) if (each.track === track) this.trackPublications.delete(sid);
  }

  get microphones(): (LocalTrack | undefined)[] {
    return [...this.trackPublications.values()]
      .filter((each) => each.source === Track.Source.Microphone)
      .map((each) => each.track);
  }
}

const later = (): Promise<void> => new Promise((done) => setTimeout(done, 1));
const a = { name: "a" } as unknown as LocalAudioTrack;
const b = { name: "b" } as unknown as LocalAudioTrack;

function stage(): { me: Me; now: { track: LocalAudioTrack | null; isConnected: boolean }; told: boolean[]; publishing: Publishing } {
  const me = new Me();
  const now = { track: a as LocalAudioTrack | null, isConnected: true };
  const told: boolean[] = [];
  const publishing = new Publishing(me, () => now.isConnected, () => now.track, (is) => told.push(is));
  return { me, now, told, publishing };
}

test("what could not be published is published by a later look", async () => {
  const { me, told, publishing } = stage();
  me.isBroken = true;
  await publishing.look();
  assert.deepEqual([me.microphones, told], [[], [true]]);
  me.isBroken = false;
  await publishing.look();
  assert.deepEqual([me.microphones, told], [[a], [true, false]]);
});

test("without a connection nothing is tried, and nothing is said", async () => {
  const { me, now, told, publishing } = stage();
  now.isConnected = false;
  await publishing.look();
  assert.deepEqual([me.microphones, told], [[], []]);
  now.isConnected = true;
  await publishing.look();
  assert.deepEqual(me.microphones, [a]);
});

test("looking twice publishes once", async () => {
  const { me, publishing } = stage();
  await Promise.all([publishing.look(), publishing.look()]);
  await publishing.look();
  assert.deepEqual(me.microphones, [a]);
});

test("the next microphone takes the place of the one before", async () => {
  const { me, now, publishing } = stage();
  await publishing.look();
  now.track = b;
  await publishing.look();
  assert.deepEqual([me.microphones, me.most], [[b], 1]);
});

test("one that comes while another is being published takes its place, too", async () => {
  const { me, now, publishing } = stage();
  const first = publishing.look();
  now.track = b;
  await Promise.all([first, publishing.look()]);
  assert.deepEqual([me.microphones, me.most], [[b], 1]);
});

test("a microphone that has vanished is not left in the room, and a camera is", async () => {
  const { me, now, publishing } = stage();
  await publishing.look();
  const camera = { source: Track.Source.Camera, track: b as unknown as LocalTrack };
  me.trackPublications.set("TR_camera", camera);
  now.track = null;
  await publishing.look();
  assert.deepEqual([...me.trackPublications.values()], [camera]);
});

test("a room that is over is told nothing, and tells nothing", async () => {
  const { me, told, publishing } = stage();
  me.isBroken = true;
  const looking = publishing.look();
  publishing.close();
  await looking;
  await publishing.look();
  assert.deepEqual([me.microphones, told], [[], []]);
});
