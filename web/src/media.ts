/** What is heard and seen of others, and what of the human is shared. */

import { RoomEvent, Track, type Room, type RemoteTrack, type RemoteParticipant } from "livekit-client";
import type { Change, Facts } from "./facts.js";

/** Play all sound of `room`, and show the agent's face where it has one. */
export function play(room: Room, change: Change, sounds: HTMLElement, face: HTMLElement): void {
  // Each room finds out anew, and tells only when it is another answer than its own one before.
  change({ canPlay: room.canPlaybackAudio });
  room.on(RoomEvent.TrackSubscribed, (track: RemoteTrack, _, participant: RemoteParticipant) => {
    if (track.kind === Track.Kind.Audio) {
      sounds.append(track.attach());
    } else if (participant.isAgent && track.source !== Track.Source.ScreenShare) {
      face.replaceChildren(track.attach());
      face.hidden = false;
    }
  });
  room.on(RoomEvent.TrackUnsubscribed, (track: RemoteTrack) => {
    track.detach();
    // Those of an agent that has died are detached before this is told.
    for (const element of sounds.querySelectorAll("audio")) if (!element.srcObject) element.remove();
    for (const element of face.querySelectorAll("video")) if (!element.srcObject) element.remove();
    face.hidden = face.childElementCount === 0;
  });
  room.on(RoomEvent.AudioPlaybackStatusChanged, () => change({ canPlay: room.canPlaybackAudio }));
  room.on(RoomEvent.Disconnected, () => {
    sounds.replaceChildren();
    face.replaceChildren();
    face.hidden = true;
  });
}

type Kind = "camera" | "screen";

const SOURCES: Record<Kind, Track.Source> = { camera: Track.Source.Camera, screen: Track.Source.ScreenShare };

/** Tell what is shared, and stop the cameras of a room that is over. */
export function watchSharing(room: Room, change: Change): void {
  const look = (): void => {
    const on = (kind: Kind): boolean =>
      room.localParticipant.getTrackPublication(SOURCES[kind])?.track?.isMuted === false;
    change({ isSharing: { camera: on("camera"), screen: on("screen") } });
  };
  room.on(RoomEvent.LocalTrackPublished, look);
  room.on(RoomEvent.LocalTrackUnpublished, (publication) => {
    if (publication.kind === Track.Kind.Video) publication.track?.stop();
    look();
  });
  room.on(RoomEvent.TrackMuted, (_, participant) => participant.isLocal && look());
  room.on(RoomEvent.TrackUnmuted, (_, participant) => participant.isLocal && look());
  room.on(RoomEvent.Disconnected, () => {
    for (const each of room.localParticipant.videoTrackPublications.values()) each.track?.stop();
    change({ isSharing: { camera: false, screen: false } });
  });
}

/** Rooms for which the browser has been asked, and that do not have it yet: pressing again asks nothing more. */
const ASKED: Record<Kind, WeakSet<Room>> = { camera: new WeakSet(), screen: new WeakSet() };

/** Begin or stop to share. What goes wrong is told in the facts. @param current The room of the call; null = no call. */
export async function share(
  current: () => Room | null,
  kind: Kind,
  change: Change,
  facts: () => Facts,
): Promise<void> {
  const room = current();
  if (!room || ASKED[kind].has(room)) return;
  const isOn = !facts().isSharing[kind];
  change({ sharingTrouble: "" });
  ASKED[kind].add(room);
  try {
    // Also before sharing: LiveKit's client leaves a camera in the room that has failed, and mutes it.
    const old = room.localParticipant.getTrackPublication(SOURCES[kind])?.track;
    if (old) await room.localParticipant.unpublishTrack(old, true);
    if (isOn) await begin(room, kind, () => room !== current());
  } catch (error) {
    // Neither the lobby nor the next call has to do with it.
    if (room === current()) change({ sharingTrouble: whyNotShared(kind, error) });
  } finally {
    ASKED[kind].delete(room);
  }
}

/** Raises what the browser and LiveKit's client do. @param isOver Whether the call has ended in the meantime. */
async function begin(room: Room, kind: Kind, isOver: () => boolean): Promise<void> {
  const me = room.localParticipant;
  const tracks =
    kind === "camera"
      ? await me.createTracks({ video: true })
      : await me.createScreenTracks({ audio: false, contentHint: "detail" });
  const stop = (): void => tracks.forEach((each) => each.stop());
  // The human may answer the browser's question after the call. And the client may have brought the one before back.
  if (isOver() || me.getTrackPublication(SOURCES[kind])) return stop();
  // A room that ends meanwhile would be waited for, and the camera's light be on, for 15 s (livekit-client 2.23).
  room.once(RoomEvent.Disconnected, stop);
  try {
    await Promise.all(tracks.map((each) => me.publishTrack(each)));
  } catch (error) {
    stop();
    throw error;
  } finally {
    room.off(RoomEvent.Disconnected, stop);
  }
}

/** In words; empty = the human changed their mind. */
export function whyNotShared(kind: Kind, error: unknown): string {
  const name = error instanceof Error ? error.name : "";
  if (kind === "screen") {
    return name === "NotAllowedError" ? "" : "This browser cannot share the screen.";
  }
  if (name === "NotAllowedError") {
    return "This page may not use the camera; allow it in the browser's settings of this site.";
  }
  return name === "NotFoundError" ? "No camera was found." : "The camera cannot be opened; another program may hold it.";
}
