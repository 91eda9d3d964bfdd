/** The talk page: puts the parts together, and draws the facts. */

import { ConnectionQuality, RoomEvent, type Room } from "livekit-client";
import { Call } from "./call.js";
import { Captions } from "./captions.js";
import { AT_FIRST, isInside, type Facts } from "./facts.js";
import { Level } from "./level.js";
import { play, share, watchSharing } from "./media.js";
import { Memory } from "./memory.js";
import { Microphone } from "./microphone.js";
import { randomDigits, Tab } from "./tab.js";
import { listenToTexts, write } from "./texts.js";
import { Transcript } from "./transcript.js";
import { View } from "./view.js";

const view = new View();
let facts: Facts = AT_FIRST;
let isDrawing = false;

function change(more: Partial<Facts>): void {
  facts = { ...facts, ...more };
  if (isDrawing) return;
  isDrawing = true;
  // Once for all changes of one event, and also in a tab that nobody sees.
  queueMicrotask(() => {
    isDrawing = false;
    view.draw(facts);
  });
}

/** The tab's own storage; where that is switched off, one that lasts until the reload. */
function storage(): Pick<Storage, "getItem" | "setItem" | "removeItem"> {
  try {
    window.sessionStorage.getItem("");
    return window.sessionStorage;
  } catch {
    const kept = new Map<string, string>();
    return {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => void kept.set(key, value),
      removeItem: (key) => void kept.delete(key),
    };
  }
}

const stored = storage();
const tab = new Tab(stored, randomDigits);
const memory = new Memory(stored, view.agentId);
const transcript = new Transcript(view.lines);
const captions = new Captions(
  (line) => {
    transcript.show(line);
    if (tab.isInCallWith(view.agentId)) memory.keep(line);
  },
  (line) => transcript.remove(line),
);
const level = new Level((value) => view.showLevel(value));
const microphone = new Microphone(
  change,
  (track) => level.listen(track),
  (devices, current) => view.listMicrophones(devices, current),
  () => void call.tend(),
);

function showQuality(room: Room): void {
  room.on(RoomEvent.ConnectionQualityChanged, (quality: ConnectionQuality, participant) => {
    if (participant.isLocal) view.showQuality("you", quality);
    else if (participant.identity === facts.agent?.identity) view.showQuality("agent", quality);
  });
}

const call = new Call(
  view.agentId,
  tab,
  microphone,
  change,
  () => facts,
  [
    (room) => listenToTexts(room, captions),
    (room) => play(room, change, view.sounds, view.face),
    (room) => watchSharing(room, change),
    showQuality,
  ],
  () => captions.settle(),
);

async function send(text: string): Promise<void> {
  const room = call.room;
  if (!room || !isInside(facts)) return;
  try {
    await write(room, captions, text);
    view.clearText(text);
    change({ chatTrouble: "" });
  } catch {
    change({ chatTrouble: "The text was not sent. It is still in the field; send it again." });
  }
}

/** Show what was said in the call into which the page comes back by itself. */
function recall(): void {
  const lines = memory.recall();
  if (lines.length) transcript.showEarlier(lines);
}

view.on({
  join: () => {
    memory.forget();
    void call.join();
  },
  leave: () => {
    void call.leave();
    memory.forget(); // after it: what was being said is kept when the call ends
  },
  mute: () => void microphone.toggle().then(() => call.tend()),
  choose: (id) => void microphone.choose(id),
  camera: () => void share(() => call.room, "camera", change, () => facts),
  screen: () => void share(() => call.room, "screen", change, () => facts),
  // Refused again, it stays as it was, and so does the notice.
  sound: () => void call.room?.startAudio().catch(() => undefined),
  send: (text) => void send(text),
});

call.prepare(view.liveKitUrl);
change({});
window.addEventListener("pageshow", (event) => {
  if (event.persisted && tab.isInCallWith(view.agentId)) recall();
});
if (tab.isInCallWith(view.agentId)) {
  recall();
  void call.join();
} else {
  memory.forget();
  void microphone.openQuietly();
}
