/** All that the page knows of the call at one moment. Everything that is shown is made from it. */

import type { Agent } from "./agent.js";

export type Phase =
  | "lobby" // not in the call; the button joins
  | "joining" // on the way in
  | "in_call"
  | "reconnecting" // LiveKit is out of reach, its client tries by itself
  | "returning"; // out, and on the way in again by itself

/** Why the lobby is shown again; null = it is shown for the first time. */
export type Ending =
  | "left" // by the button
  | "taken" // another tab is in the call under this identity
  | "agent_ended" // the agent said that it leaves, and closed the room
  | "deleted" // the room was closed, again and again
  | "removed" // somebody removed this human
  | "refused" // the registry lets nobody in; `trouble` says why
  | "logged_out"; // the registry wants its token

export type MicrophoneState =
  | "unknown" // not asked for yet
  | "asking"
  | "on"
  | "muted"
  | "refused" // by the human, or by the browser's settings
  | "absent"
  | "busy" // another program holds it
  | "gone"; // it was there and vanished

/** A microphone that serves in place of another one. */
export interface StandIn {
  label: string;
  /** What the other one did: it vanished, or it was chosen and cannot be opened. */
  cause: "vanished" | "chosen";
}

/** Why there is no agent, in the registry's words. */
export interface Why {
  answer: string;
  nextStep: string;
}

export interface Facts {
  phase: Phase;
  ending: Ending | null;
  /** What keeps the page from coming in, as a sentence; empty = nothing. */
  trouble: string;
  /** Whether the room was closed and is joined anew. */
  isAnew: boolean;

  agent: Agent | null;
  /** The last agent's end: it died, or it had said that it leaves; null = there was none, or another one is here. */
  lost: { died: boolean; reason: string } | null;
  /** A new agent has just taken another one's place. */
  isSuccessor: boolean;
  /** The registry has lost sight of the agent that LiveKit still shows. */
  isUnheard: boolean;
  /** There has been no agent for so long that it is worth a word. */
  isAlone: boolean;
  why: Why | null;
  /** Humans in the call beside this one. */
  others: number;

  microphone: MicrophoneState;
  insteadOf: StandIn | null;
  /** The microphone is open, and LiveKit does not take its sound. */
  isUnpublished: boolean;
  canPlay: boolean;
  isSharing: { camera: boolean; screen: boolean };
  /** Why a camera or screen is not shared; empty = nothing went wrong. */
  sharingTrouble: string;
  /** Why a text was not sent; empty = all were. */
  chatTrouble: string;
}

export const AT_FIRST: Facts = {
  phase: "lobby",
  ending: null,
  trouble: "",
  isAnew: false,
  agent: null,
  lost: null,
  isSuccessor: false,
  isUnheard: false,
  isAlone: false,
  why: null,
  others: 0,
  microphone: "unknown",
  insteadOf: null,
  isUnpublished: false,
  canPlay: true,
  isSharing: { camera: false, screen: false },
  sharingTrouble: "",
  chatTrouble: "",
};

/** What is known of a room before one is in it. */
export const NOBODY: Partial<Facts> = {
  agent: null,
  lost: null,
  isSuccessor: false,
  isUnheard: false,
  isAlone: false,
  why: null,
  others: 0,
  isUnpublished: false,
};

export type Change = (change: Partial<Facts>) => void;

export function isInside(facts: Facts): boolean {
  return facts.phase === "in_call" || facts.phase === "reconnecting";
}
