/** Captions and chat of a room, as LiveKit's text streams carry them. */

import type { Room, TextStreamReader } from "livekit-client";
import type { Captions, Who, Writing } from "./captions.js";
import { isAgent } from "./company.js";

const TRANSCRIPTION = "lk.transcription";
const CHAT = "lk.chat";
const SEGMENT = "lk.segment_id";
const FINAL = "lk.transcription_final";

export const LONGEST = 4_000; // characters of one message

/** Let everything that is said and written in `room` become lines. */
export function listenToTexts(room: Room, captions: Captions): void {
  room.registerTextStreamHandler(TRANSCRIPTION, (reader, { identity }) => {
    const attributes = reader.info.attributes ?? {};
    const segment = attributes[SEGMENT] ?? reader.info.id;
    const isFinal = attributes[FINAL] === "true";
    const writing = captions.begin(identity, segment, whoIs(room, identity), isFinal, reader.info.timestamp);
    void follow(reader, writing);
  });
  room.registerTextStreamHandler(CHAT, (reader, { identity }) => {
    reader.readAll().then(
      (text) => captions.write(identity, text.slice(0, LONGEST), whoIs(room, identity), reader.info.timestamp),
      () => {}, // broken off by the sender: there is no text to show
    );
  });
}

/** Write to the agent. Raises when LiveKit does not take it. */
export async function write(room: Room, captions: Captions, text: string): Promise<void> {
  await room.localParticipant.sendText(text, { topic: CHAT });
  captions.write(room.localParticipant.identity, text, "you", Date.now());
}

async function follow(reader: TextStreamReader, writing: Writing): Promise<void> {
  try {
    for await (const text of reader) writing.add(text);
    writing.end(reader.info.attributes?.[FINAL] === "true");
  } catch {
    writing.end(true); // the sender is gone: what is there is all that comes
  }
}

function whoIs(room: Room, identity: string): Who {
  if (identity === room.localParticipant.identity) return "you";
  const participant = room.remoteParticipants.get(identity);
  // One that is gone already: agents' identities begin so.
  if (!participant) return identity.startsWith("ai-") || identity.startsWith("agent-") ? "agent" : "other";
  return isAgent(participant) || participant.isAgent ? "agent" : "other";
}
