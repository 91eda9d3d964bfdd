/** What is heard and seen of others, and what of the human is shared. */

import { RoomEvent, Track, type Room, type RemoteTrack, type RemoteParticipant } from "livekit-client";
import type { Change, Facts } from "./facts.js";

/** Play all sound of `room`, and show the agent's face where it has one. */
export function play(room: Room, change: Change, sounds: HTMLElement, face: HTMLElement): void {
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

/** Begin or stop to share. What goes wrong is told in the facts. */
export async function share(room: Room, kind: Kind, change: Change, facts: () => Facts): Promise<void> {
  const isOn = !facts().isSharing[kind];
  change({ sharingTrouble: "" });
  const me = room.localParticipant;
  try {
    if (kind === "camera") await me.setCameraEnabled(isOn);
    else await me.setScreenShareEnabled(isOn, { audio: false, contentHint: "detail" });
    // Muted would keep the camera's light on.
    if (!isOn) {
      const track = me.getTrackPublication(SOURCES[kind])?.track;
      if (track) await me.unpublishTrack(track, true);
    }
  } catch (error) {
    change({ sharingTrouble: whyNotShared(kind, error) });
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
