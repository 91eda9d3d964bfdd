import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { RoomEvent, type Room } from "livekit-client";
import { AT_FIRST, type Facts } from "../src/facts.js";
import { play, share, whyNotShared } from "../src/media.js";
import { stateOf } from "../src/microphone.js";

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

test("whether sound is played is asked of each room anew", () => {
  const told: Partial<Facts>[] = [];
  const room = Object.assign(new EventEmitter(), { canPlaybackAudio: true });
  const nowhere = {} as HTMLElement;
  play(room as unknown as Room, (more) => told.push(more), nowhere, nowhere);
  room.canPlaybackAudio = false;
  room.emit(RoomEvent.AudioPlaybackStatusChanged, false);
  assert.deepEqual(told, [{ canPlay: true }, { canPlay: false }]);
});

/** A call in which the test answers the browser's question, and LiveKit's. */
class Stage {
  facts: Facts = AT_FIRST;
  isInCall = true;
  nAsked = 0;
  nLive = 0;
  readonly published: unknown[] = [];
  allow = (): void => {};
  publish = async (track: unknown): Promise<void> => void this.published.push(track);

  private readonly me = {
    getTrackPublication: () => this.published.map((track) => ({ track }))[0],
    createTracks: () => this.ask(),
    createScreenTracks: () => this.ask(),
    publishTrack: (track: unknown) => this.publish(track),
    unpublishTrack: async (track: { stop(): void }) => {
      this.published.splice(this.published.indexOf(track), 1);
      track.stop();
    },
  };

  readonly room = Object.assign(new EventEmitter(), { localParticipant: this.me });

  press(kind: "camera" | "screen" = "camera"): Promise<void> {
    const current = (): Room | null => (this.isInCall ? (this.room as unknown as Room) : null);
    return share(current, kind, (more) => void (this.facts = { ...this.facts, ...more }), () => this.facts);
  }

  leave(): void {
    this.isInCall = false;
    this.room.emit(RoomEvent.Disconnected);
  }

  private ask(): Promise<{ stop(): void }[]> {
    this.nAsked += 1;
    let isLive = false;
    const stop = (): void => {
      if (isLive) this.nLive -= 1;
      isLive = false;
    };
    return new Promise((done) => {
      this.allow = () => {
        isLive = true;
        this.nLive += 1;
        done([{ stop }]);
      };
    });
  }
}

const settled = (): Promise<void> => new Promise((done) => setTimeout(done, 1));

test("what is allowed is shared, and pressing twice asks once", async () => {
  for (const kind of ["camera", "screen"] as const) {
    const stage = new Stage();
    const pressed = [stage.press(kind), stage.press(kind)];
    stage.allow();
    await Promise.all(pressed);
    assert.deepEqual([stage.nAsked, stage.published.length, stage.nLive], [1, 1, 1]);
    stage.facts = { ...stage.facts, isSharing: { camera: true, screen: true } };
    await stage.press(kind);
    assert.deepEqual([stage.nAsked, stage.published.length, stage.nLive], [1, 0, 0]);
    assert.equal(stage.facts.sharingTrouble, "");
  }
});

test("a camera that has failed in the room makes way for one that is opened anew", async () => {
  const stage = new Stage();
  stage.published.push({ stop: () => {} });
  const pressed = stage.press();
  await settled();
  stage.allow();
  await pressed;
  assert.deepEqual([stage.published.length, stage.nLive], [1, 1]);
});

test("a camera that is allowed after the call is closed at once, and nothing is said", async () => {
  const stage = new Stage();
  const pressed = stage.press();
  stage.leave();
  stage.allow();
  await pressed;
  assert.deepEqual([stage.nLive, stage.published, stage.facts.sharingTrouble], [0, [], ""]);
});

test("a camera that LiveKit has not taken when the call ends is closed at once, and nothing is said", async () => {
  const stage = new Stage();
  let giveUp = (_: Error): void => {};
  stage.publish = () => new Promise((_, fail) => (giveUp = fail));
  const pressed = stage.press();
  stage.allow();
  await settled();
  assert.equal(stage.nLive, 1);
  stage.leave();
  assert.equal(stage.nLive, 0);
  giveUp(new Error("publishing rejected as engine not connected within timeout"));
  await pressed;
  assert.equal(stage.facts.sharingTrouble, "");
  assert.equal(stage.room.listenerCount(RoomEvent.Disconnected), 0);
});

test("a camera that LiveKit does not take is closed, and told", async () => {
  const stage = new Stage();
  stage.publish = () => Promise.reject(new Error("insufficient permissions"));
  const pressed = stage.press();
  stage.allow();
  await pressed;
  assert.equal(stage.nLive, 0);
  assert.match(stage.facts.sharingTrouble, /cannot be opened/);
});
