/** Who else is in the room: the agent, its face, and what becomes of them. */

import { ParticipantKind, RoomEvent, type RemoteParticipant, type Room } from "livekit-client";
import { agentOf, ON_BEHALF, type Agent } from "./agent.js";
import type { Change, Facts } from "./facts.js";
import { askWhy } from "./registry.js";

const GLANCE = 150; // ms. A full reconnect shows everybody leaving and coming back within 50
const ALONE = 1_500; // ms without an agent before that is worth a word
const WHY = 2_000; // ms between two questions why
const GREETED = 8_000; // ms for which a successor is announced

export function isAgent(participant: RemoteParticipant): boolean {
  return participant.kind === ParticipantKind.AGENT && !participant.attributes[ON_BEHALF];
}

/** Whether somebody hears what is said here: an agent, its face and what records are none. */
export function isHuman(participant: Pick<RemoteParticipant, "kind" | "attributes" | "identity">): boolean {
  const { kind, attributes, identity } = participant;
  const isPerson = kind === ParticipantKind.STANDARD || kind === ParticipantKind.SIP;
  return isPerson && !attributes[ON_BEHALF] && !identity.startsWith("ai-");
}

/** Watches one room, from before it is connected until `close`. */
export class Company {
  private agent: RemoteParticipant | null = null;
  private hadOne = false;
  private isClosed = false;
  private glance: ReturnType<typeof setTimeout> | undefined;
  private alone: ReturnType<typeof setTimeout> | undefined;
  private greeted: ReturnType<typeof setTimeout> | undefined;

  /** @param onGone Called when an agent is gone: nothing more comes from it. */
  constructor(
    private readonly room: Room,
    private readonly change: Change,
    private readonly facts: () => Facts,
    private readonly onGone: () => void,
  ) {
    const look = (): void => this.look();
    for (const event of [RoomEvent.Connected, RoomEvent.ParticipantConnected, RoomEvent.Reconnected] as const) {
      room.on(event, look);
    }
    room.on(RoomEvent.ParticipantAttributesChanged, look);
    room.on(RoomEvent.ParticipantDisconnected, () => {
      clearTimeout(this.glance);
      this.glance = setTimeout(look, GLANCE);
    });
  }

  /** May be called twice. */
  close(): void {
    this.isClosed = true;
    clearTimeout(this.glance);
    clearTimeout(this.alone);
    clearTimeout(this.greeted);
  }

  private look(): void {
    if (this.isClosed) return;
    const all = [...this.room.remoteParticipants.values()];
    const others = all.filter(isHuman).length;
    if (others !== this.facts().others) this.change({ others });
    const agents = all.filter(isAgent);
    // Two agents are there for a moment at most, and the one that leaves says so.
    const stays = agents.filter((each) => agentOf(each.identity, each.attributes).leaving === "");
    const found = stays.find((each) => each.identity === this.agent?.identity) ?? stays[0] ?? agents[0] ?? null;
    if (found) this.meet(found);
    else this.miss();
  }

  private meet(found: RemoteParticipant): void {
    const isOther = found.identity !== this.agent?.identity;
    const seen = agentOf(found.identity, found.attributes);
    if (isOther) {
      clearTimeout(this.alone);
      this.alone = undefined;
      const isSuccessor = this.hadOne;
      if (this.agent) this.onGone();
      this.agent = found;
      this.hadOne = true;
      this.change({ agent: seen, lost: null, isSuccessor, isUnheard: false, isAlone: false, why: null });
      clearTimeout(this.greeted);
      if (isSuccessor) this.greeted = setTimeout(() => this.change({ isSuccessor: false }), GREETED);
    } else {
      this.agent = found;
      this.change({ agent: seen });
    }
  }

  private miss(): void {
    if (this.agent) {
      const last: Agent | null = this.facts().agent;
      this.agent = null;
      this.onGone();
      const reason = last?.leaving ?? "";
      this.change({ agent: null, lost: { died: !reason, reason }, isSuccessor: false, isUnheard: false });
    }
    this.alone ??= setTimeout(() => void this.wonder(), ALONE);
  }

  private async wonder(): Promise<void> {
    this.change({ isAlone: true });
    const why = await askWhy(this.room.name);
    if (this.isClosed || this.agent) return;
    if (why) this.change({ why });
    this.alone = setTimeout(() => void this.wonder(), WHY);
  }
}
