/** The human's microphone: opened once, kept over every reconnection, changed and missed. */

import { LocalAudioTrack, Track, TrackEvent } from "livekit-client";
import type { Change, MicrophoneState, StandIn } from "./facts.js";
import { sleeping } from "./level.js";

const QUESTION = 1_500; // ms
const UNPLUGGED = 300; // ms, until the browser's list is that without the device
const CHOICE = "roomkeeper.talk.microphone";
const SOUND = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

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

/** What was asked for is not wanted any more: it was closed, or something else was asked for. */
class OvertakenError extends Error {}

/**
 * Every device is a track of its own, which belongs to the page and not to LiveKit's client: that one would open the
 * default device by itself when a track ends, at the same time as this class.
 */
export class Microphone {
  private current: LocalAudioTrack | null = null;
  private opening: Promise<void> | null = null;
  private turn = 0; // of asking the browser; what an older turn brings is not taken
  private isMuted = false;
  private isMissing = false; // and taken as soon as it is plugged in

  /**
   * @param listen Called with the sound that is heard, or null.
   * @param list Called when there are other devices.
   * @param changed Called when `track` is another one.
   */
  constructor(
    private readonly change: Change,
    private readonly listen: (stream: MediaStreamTrack | null) => void,
    private readonly list: (devices: MediaDeviceInfo[], current: string) => void,
    private readonly changed: () => void,
  ) {
    navigator.mediaDevices.addEventListener("devicechange", () => void this.devicesChanged());
    // Telephones take it away from pages that nobody sees.
    document.addEventListener("visibilitychange", () => document.hidden || void this.devicesChanged());
  }

  /** What belongs in the call; null = nothing that gives sound. */
  get track(): LocalAudioTrack | null {
    return this.current && isLive(this.current) ? this.current : null;
  }

  /** Ask for it. When there is none to be had, the facts say why. May be called twice. Never raises. */
  async open(): Promise<void> {
    if (this.track) return;
    await (this.opening ?? this.alone(() => this.ask()));
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

  /** Take another one, now and next time. One that cannot be opened is not taken: the one before goes on. */
  async choose(id: string): Promise<void> {
    const old = this.track;
    if (old) await this.alone(() => this.replace(old, id));
    else remember(id);
  }

  /** Mute or unmute; without a microphone, try to get one. Never raises. */
  async toggle(): Promise<void> {
    const track = this.track;
    if (!track) {
      this.isMuted = false;
      await this.open();
      return;
    }
    this.isMuted = !this.isMuted;
    await this.follow(track);
    this.change({ microphone: this.isMuted ? "muted" : "on", insteadOf: null });
  }

  /** See whether it still gives sound, and get another one if it does not: not every end is told. Never raises. */
  async check(): Promise<void> {
    if (this.current && !isLive(this.current)) await this.missed(this.current);
  }

  /** Let go of it, also of one that comes later: the browser's sign goes out. May be called twice. */
  close(): void {
    this.turn += 1;
    this.opening = null;
    this.isMissing = false;
    this.drop();
    this.change({ microphone: "unknown", insteadOf: null });
  }

  /** Do `work`; until it is done, nobody else looks for a microphone. */
  private async alone(work: () => Promise<void>): Promise<void> {
    const opening = work();
    this.opening = opening;
    try {
      await opening;
    } finally {
      if (this.opening === opening) this.opening = null;
    }
  }

  private async ask(): Promise<void> {
    const wanted = remembered();
    const taking = this.take(wanted ? { ideal: wanted } : undefined);
    const turn = this.turn;
    // Granted already, it is there sooner: then there is no question.
    const asking = setTimeout(() => turn === this.turn && this.change({ microphone: "asking" }), QUESTION);
    try {
      await taking;
    } catch (error) {
      if (error instanceof OvertakenError) return;
      const microphone = stateOf(error);
      this.isMissing = microphone === "absent";
      this.change({ microphone });
    } finally {
      clearTimeout(asking);
    }
    await this.refresh();
  }

  private async replace(old: LocalAudioTrack, id: string): Promise<void> {
    const { deviceId } = old.mediaStreamTrack.getSettings();
    // Safari ends a second microphone when the first one is stopped. No event tells of this end.
    old.mediaStreamTrack.stop();
    try {
      await this.take({ exact: id });
      remember(id);
      this.change({ insteadOf: null });
    } catch (error) {
      if (error instanceof OvertakenError) return;
      await this.comeBack(deviceId, "chosen");
    }
    await this.refresh();
  }

  /** Open a device and let it be the microphone. Raises `OvertakenError`, and what the browser does. */
  private async take(deviceId: ConstrainDOMString | undefined): Promise<void> {
    this.turn += 1;
    const turn = this.turn;
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: { ...SOUND, ...(deviceId ? { deviceId } : {}) } });
    } catch (error) {
      throw turn === this.turn ? error : new OvertakenError();
    }
    const [sound] = stream.getAudioTracks();
    if (turn !== this.turn) {
      sound?.stop();
      throw new OvertakenError();
    }
    if (!sound) throw new DOMException("no sound in it", "NotFoundError");
    const track = new LocalAudioTrack(sound, undefined, true);
    track.source = Track.Source.Microphone;
    track.on(TrackEvent.Ended, () => void this.missed(track));
    this.drop();
    this.current = track;
    this.isMissing = false;
    await this.follow(track);
    this.listen(sound);
    this.change({ microphone: this.isMuted ? "muted" : "on" });
    this.changed();
  }

  private async follow(track: LocalAudioTrack): Promise<void> {
    if (this.isMuted) await track.mute();
    else await track.unmute();
  }

  private drop(): void {
    if (!this.current) return;
    this.current.stop();
    this.current = null;
    this.listen(null);
    this.changed();
  }

  /** Its device is unplugged or was taken away. Another one takes its place, or there is none. */
  private async missed(track: LocalAudioTrack): Promise<void> {
    if (track !== this.current || this.opening) return;
    await this.alone(async () => {
      await sleeping(UNPLUGGED);
      if (track !== this.current) return;
      await this.comeBack(undefined, "vanished");
      await this.refresh();
    });
  }

  /** @param deviceId The one before; undefined = any. */
  private async comeBack(deviceId: string | undefined, cause: StandIn["cause"]): Promise<void> {
    try {
      await this.take(deviceId ? { ideal: deviceId } : undefined);
      this.change({ insteadOf: { cause, label: this.current?.mediaStreamTrack.label || "another one" } });
    } catch (error) {
      if (error instanceof OvertakenError) return;
      this.drop();
      this.isMissing = true;
      this.change({ microphone: "gone", insteadOf: null });
    }
  }

  private async devicesChanged(): Promise<void> {
    if (this.isMissing) await this.open();
    else await this.refresh();
  }

  private async refresh(): Promise<void> {
    const devices = await navigator.mediaDevices.enumerateDevices();
    const named = devices.filter((each) => each.kind === "audioinput" && each.deviceId);
    this.list(named, this.track?.mediaStreamTrack.getSettings().deviceId ?? "");
  }
}

function isLive(track: LocalAudioTrack): boolean {
  return track.mediaStreamTrack.readyState === "live";
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
