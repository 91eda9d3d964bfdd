/** The human's microphone: opened once, kept over every reconnection, changed and missed. */

import { createLocalAudioTrack, TrackEvent, type LocalAudioTrack } from "livekit-client";
import type { Change, MicrophoneState } from "./facts.js";
import { sleeping } from "./level.js";

const QUESTION = 1_500; // ms
const CHOICE = "roomkeeper.talk.microphone";

const STATES: Record<string, MicrophoneState> = {
  NotAllowedError: "refused",
  SecurityError: "refused",
  NotFoundError: "absent",
  OverconstrainedError: "absent",
  DevicesNotFoundError: "absent",
};

/** What a failed `getUserMedia` means. */
export function stateOf(error: unknown): MicrophoneState {
  return STATES[error instanceof Error ? error.name : ""] ?? "busy";
}

export class Microphone {
  track: LocalAudioTrack | null = null;
  private opening: Promise<LocalAudioTrack | null> | null = null;
  private wasMuted = false;

  /** @param listen Called with the sound that is heard, or null. @param list Called when there are other devices. */
  constructor(
    private readonly change: Change,
    private readonly listen: (stream: MediaStreamTrack | null) => void,
    private readonly list: (devices: MediaDeviceInfo[], current: string) => void,
  ) {
    navigator.mediaDevices.addEventListener("devicechange", () => void this.refresh());
  }

  /** Ask for it. Null when there is none to be had; the facts then say why. May be called twice. */
  open(): Promise<LocalAudioTrack | null> {
    if (this.track) return Promise.resolve(this.track);
    this.opening ??= this.get().finally(() => {
      this.opening = null;
    });
    return this.opening;
  }

  /** Open it if that asks the human nothing. */
  async openQuietly(): Promise<void> {
    try {
      const status = await navigator.permissions.query({ name: "microphone" as PermissionName });
      if (status.state === "granted") await this.open();
    } catch {
      // This browser cannot be asked; the human is, later.
    }
  }

  /** Take another one, now and next time. */
  async choose(id: string): Promise<void> {
    remember(id);
    if (!this.track) return;
    await this.track.setDeviceId({ exact: id });
    this.hear(this.track);
    this.change({ insteadOf: "" });
    await this.refresh();
  }

  /** Mute or unmute; without a microphone, try to get one. Returns one that is new. */
  async toggle(): Promise<LocalAudioTrack | null> {
    if (!this.track) return this.open();
    if (this.track.isMuted) await this.track.unmute();
    else await this.track.mute();
    this.wasMuted = this.track.isMuted;
    this.change({ microphone: this.wasMuted ? "muted" : "on", insteadOf: "" });
    return null;
  }

  /** Let go of it: the browser's sign goes out. May be called twice. */
  close(): void {
    this.track?.stop();
    this.track = null;
    this.listen(null);
    this.change({ microphone: "unknown", insteadOf: "" });
  }

  private async get(): Promise<LocalAudioTrack | null> {
    // Granted already, it is there sooner: then there is no question.
    const asking = setTimeout(() => this.change({ microphone: "asking" }), QUESTION);
    try {
      const wanted = remembered();
      const track = await createLocalAudioTrack({
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
        ...(wanted ? { deviceId: { ideal: wanted } } : {}),
      });
      this.track = track;
      track.on(TrackEvent.Ended, () => void this.vanished(track));
      track.on(TrackEvent.Restarted, () => this.hear(track));
      if (this.wasMuted) await track.mute();
      this.hear(track);
      this.change({ microphone: track.isMuted ? "muted" : "on" });
      await this.refresh();
      return track;
    } catch (error) {
      this.change({ microphone: stateOf(error) });
      return null;
    } finally {
      clearTimeout(asking);
    }
  }

  private hear(track: LocalAudioTrack): void {
    this.listen(track.mediaStreamTrack);
  }

  /** Its device is unplugged or was taken away. Another one takes its place, or there is none. */
  private async vanished(track: LocalAudioTrack): Promise<void> {
    if (track !== this.track) return;
    await sleeping(300); // so that the browser's list is that without the device
    try {
      await track.setDeviceId("default");
      if (track.mediaStreamTrack.readyState !== "live") await track.restartTrack({ deviceId: undefined });
      if (track.mediaStreamTrack.readyState !== "live") throw new DOMException("no other one", "NotFoundError");
      this.hear(track);
      this.change({ microphone: track.isMuted ? "muted" : "on", insteadOf: track.mediaStreamTrack.label || "another one" });
    } catch {
      this.track = null;
      this.listen(null);
      this.change({ microphone: "gone", insteadOf: "" });
    }
    await this.refresh();
  }

  private async refresh(): Promise<void> {
    const devices = await navigator.mediaDevices.enumerateDevices();
    const named = devices.filter((each) => each.kind === "audioinput" && each.deviceId);
    this.list(named, this.track?.mediaStreamTrack.getSettings().deviceId ?? "");
  }
}

function remember(id: string): void {
  try {
    localStorage.setItem(CHOICE, id);
  } catch {
    // Storage is switched off: chosen for now only.
  }
}

function remembered(): string {
  try {
    return localStorage.getItem(CHOICE) ?? "";
  } catch {
    return "";
  }
}
