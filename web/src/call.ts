/** One call: joins, stays in through reloads and broken networks, and ends when the human says so. */

import {
  ConnectionError,
  ConnectionState,
  DefaultReconnectPolicy,
  DisconnectReason,
  LogLevel,
  Room,
  RoomEvent,
  setLogLevel,
} from "livekit-client";
import { Company } from "./company.js";
import { afterEnd, failuresAfter, nextWait } from "./endings.js";
import { isInside, NOBODY, type Change, type Ending, type Facts } from "./facts.js";
import type { Microphone } from "./microphone.js";
import { Publishing } from "./publishing.js";
import { askToken, RefusedError, Sight } from "./registry.js";
import type { Tab } from "./tab.js";

const UNAUTHORIZED = 401;
const CONNECT_TIMEOUT = 10_000; // ms
const TEND = 3_000; // ms between two looks whether the microphone is in the room

setLogLevel(LogLevel.warn);

/** What shows a room: each is told of a new room before it is connected. */
export type Show = (room: Room) => void;

export class Call {
  room: Room | null = null;
  private company: Company | null = null;
  private publishing: Publishing | null = null;
  private attempt = 0; // of joining; one that is not the latest is nobody's any more
  private failures = 0;
  private joinedAt = 0;
  private wasClosed = false; // the room, and that is why it was joined anew
  private timer: ReturnType<typeof setTimeout> | undefined;
  private warm: Room | null = null;
  private readonly sight: Sight;

  /** @param onGone Called when an agent is gone, or the call is. */
  constructor(
    private readonly agentId: string,
    private readonly tab: Tab,
    private readonly microphone: Microphone,
    private readonly change: Change,
    private readonly facts: () => Facts,
    private readonly shows: Show[],
    private readonly onGone: () => void,
  ) {
    this.sight = new Sight(agentId, (isUnheard) => this.facts().agent && change({ isUnheard }));
    window.addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
    setInterval(() => void this.tend(), TEND);
    // And not on `beforeunload`: the human, or another page, may stop that.
    window.addEventListener("pagehide", () => this.away());
    window.addEventListener("pageshow", (event) => {
      if (event.persisted && tab.isInCallWith(agentId)) void this.join();
    });
  }

  /** Find the way to LiveKit before anybody joins. */
  prepare(url: string): void {
    this.warm = newRoom();
    if (url) void this.warm.prepareConnection(url);
  }

  /** Join, and stay in until `leave`. May be called twice. */
  async join(): Promise<void> {
    this.failures = 0;
    this.wasClosed = false;
    this.tab.enter(this.agentId);
    this.change({ phase: "joining", ending: null, trouble: "", isAnew: false, ...NOBODY });
    await this.try();
  }

  /** May be called twice. */
  async leave(): Promise<void> {
    this.over("left");
  }

  /** See to it that the microphone gives sound and is in the room. May be called at any time. Never raises. */
  async tend(): Promise<void> {
    if (!isInside(this.facts())) return;
    await this.microphone.check();
    await this.publishing?.look();
  }

  private async try(): Promise<void> {
    clearTimeout(this.timer);
    this.drop();
    this.attempt += 1;
    const attempt = this.attempt;
    void this.microphone.open();
    try {
      const given = await askToken(this.agentId, this.tab.identity);
      if (attempt !== this.attempt) return;
      const room = this.open(attempt);
      await room.connect(given.url, given.token, { peerConnectionTimeout: CONNECT_TIMEOUT });
    } catch (error) {
      if (attempt === this.attempt) this.failed(error);
      return;
    }
    if (attempt !== this.attempt) return;
    this.joinedAt = performance.now();
    this.change({ phase: "in_call", trouble: "", isAnew: false });
    this.sight.open();
    await this.tend();
  }

  private open(attempt: number): Room {
    const room = this.warm ?? newRoom();
    this.warm = null;
    this.room = room;
    this.company = new Company(room, this.change, this.facts, this.onGone);
    this.publishing = new Publishing(
      room.localParticipant,
      () => room.state === ConnectionState.Connected,
      () => this.microphone.track,
      (isUnpublished) => this.facts().isUnpublished !== isUnpublished && this.change({ isUnpublished }),
    );
    for (const show of this.shows) show(room);
    room.on(RoomEvent.Reconnecting, () => attempt === this.attempt && this.change({ phase: "reconnecting" }));
    room.on(RoomEvent.SignalReconnecting, () => attempt === this.attempt && this.change({ phase: "reconnecting" }));
    room.on(RoomEvent.Reconnected, () => {
      if (attempt !== this.attempt) return;
      this.change({ phase: "in_call" });
      void this.tend();
    });
    room.on(RoomEvent.Disconnected, (reason?: DisconnectReason) => {
      // A room that this class ends itself is nobody's any more. LiveKit's client ends one that the browser freezes.
      if (room === this.room && attempt === this.attempt && isInside(this.facts())) this.ended(reason);
    });
    return room;
  }

  private ended(reason: DisconnectReason | undefined): void {
    const leaving = this.facts().agent?.leaving ?? this.facts().lost?.reason ?? "";
    const inside = (performance.now() - this.joinedAt) / 1000;
    const next = afterEnd(reason, inside, leaving, this.wasClosed);
    if (!next.again) {
      this.over(next.ending);
      return;
    }
    this.drop();
    this.wasClosed = next.isAnew;
    this.change({ phase: "returning", isAnew: next.isAnew, trouble: "", ...NOBODY });
    this.failures = failuresAfter(this.failures, inside);
    this.later();
  }

  private failed(error: unknown): void {
    this.drop();
    if (error instanceof RefusedError && !error.isPassing) {
      this.over(error.status === UNAUTHORIZED ? "logged_out" : "refused", error.message);
      return;
    }
    const trouble =
      error instanceof RefusedError
        ? error.message
        : error instanceof ConnectionError && error.status
          ? `LiveKit lets nobody in (${error.status}).`
          : "LiveKit cannot be reached from this browser.";
    this.change({ trouble });
    this.later();
  }

  private later(): void {
    this.timer = setTimeout(() => void this.try(), nextWait(this.failures) * 1000);
    this.failures += 1;
  }

  /** The network is back, or somebody looks: do not wait any longer. */
  private hurry(): void {
    if (this.facts().phase !== "returning" || this.timer === undefined) return;
    this.failures = 0;
    void this.try();
  }

  private over(ending: Ending, trouble = ""): void {
    clearTimeout(this.timer);
    this.attempt += 1;
    this.drop();
    this.tab.leave();
    this.microphone.close();
    this.change({
      ...NOBODY,
      phase: "lobby",
      ending,
      trouble,
      isSharing: { camera: false, screen: false },
      sharingTrouble: "",
      chatTrouble: "",
    });
  }

  /** The page is left. It may be shown again as it is, and then joins anew. */
  private away(): void {
    clearTimeout(this.timer);
    this.attempt += 1;
    this.drop();
    this.microphone.close();
  }

  /** Be rid of the room. */
  private drop(): void {
    this.timer = undefined;
    this.sight.close();
    this.company?.close();
    this.company = null;
    this.publishing?.close();
    this.publishing = null;
    const room = this.room;
    this.room = null;
    if (!room) return;
    this.onGone();
    // The microphone stays open for the next room; `over` closes it.
    void room.disconnect(false);
  }
}

function newRoom(): Room {
  return new Room({
    adaptiveStream: true,
    dynacast: true,
    stopLocalTrackOnUnpublish: false,
    // Its own way leaves as soon as a navigation is begun, also one that is cancelled. See `away`.
    disconnectOnPageLeave: false,
    // Nobody waits a minute for a network: then the page joins anew, with a fresh token.
    reconnectPolicy: new DefaultReconnectPolicy([0, 300, 700, 1500, 3000, 5000]),
  });
}
