/** The words of the page, made from the facts. Pure; all of them are shown as text and never as HTML. */

import type { Agent } from "./agent.js";
import { isInside, type Ending, type Facts, type MicrophoneState } from "./facts.js";

export type Tone = "info" | "warning" | "error" | "done";

/** One sentence for the human. */
export interface Saying {
  /** Tells it from others; the same one is not said twice. */
  key: string;
  tone: Tone;
  text: string;
  /** What the page offers beside it. */
  offer?: "sound" | "login";
}

const PARTS: Record<string, string> = {
  llm: "The agent waits for its language model. It has heard you, and answers when the model is back.",
  stt: "The agent cannot hear at the moment: its speech recognition does not answer. You can write to it.",
  tts: "The agent cannot speak at the moment: its voice does not answer. Its words may still appear here.",
};

const LEAVING: Record<string, string> = {
  max_session: "the call took as long as a call may take",
  operator: "somebody who runs it asked for that",
  worker_shutdown: "its worker is being stopped; another one takes over",
  duplicate: "another agent is here already",
  humans_left: "it thought that nobody is here",
  never_joined: "nobody had come",
  pipeline_ended: "it cannot go on",
  failed: "something in it failed",
};

const ENDINGS: Record<Ending, { tone: Tone; text: string }> = {
  left: { tone: "info", text: "You have left the call." },
  taken: { tone: "warning", text: "This call goes on in another tab or window, under the same identity." },
  agent_ended: { tone: "info", text: "The agent has ended the call." },
  deleted: { tone: "warning", text: "The room was closed more than once in a short time." },
  removed: { tone: "warning", text: "Somebody has removed you from the room." },
  refused: { tone: "error", text: "" },
  logged_out: { tone: "error", text: "The registry does not know this browser any more." },
};

const MICROPHONES: Partial<Record<MicrophoneState, { tone: Tone; text: string }>> = {
  asking: { tone: "info", text: "Allow the microphone in the browser's question, so that the agent hears you." },
  refused: {
    tone: "warning",
    text:
      "This page may not use the microphone, so the agent cannot hear you; you can write to it. To be heard, allow " +
      "the microphone in the browser's settings of this site and press “Unmute”.",
  },
  absent: { tone: "warning", text: "No microphone was found. You can write to the agent, or plug one in." },
  busy: { tone: "warning", text: "The microphone cannot be opened; another program may hold it. You can write." },
  gone: { tone: "warning", text: "The microphone has vanished. You can write, or plug it in again." },
};

/** All that has to be said now, the most important first. */
export function sayings(facts: Facts): Saying[] {
  return [...aboutTheWay(facts), ...aboutTheOthers(facts), ...aboutTheAgent(facts), ...aboutTheBrowser(facts)];
}

function* aboutTheOthers(facts: Facts): Generator<Saying> {
  if (!facts.others || !isInside(facts)) return;
  const who = facts.others === 1 ? "One other person is" : `${facts.others} other people are`;
  yield { key: "others", tone: "info", text: `${who} in this call.` };
}

function* aboutTheWay(facts: Facts): Generator<Saying> {
  if (facts.phase === "reconnecting") {
    yield { key: "network", tone: "warning", text: "The connection is lost. Connecting again…" };
  } else if (facts.phase === "returning") {
    const cause = facts.isAnew ? "The room was closed." : "The connection is lost.";
    const trouble = facts.trouble ? ` ${facts.trouble}` : "";
    yield { key: "network", tone: "warning", text: `${cause} Joining again…${trouble}` };
  } else if (facts.phase === "joining" && facts.trouble) {
    yield { key: "network", tone: "warning", text: `Still trying. ${facts.trouble}` };
  } else if (facts.phase === "lobby" && facts.ending) {
    const { tone, text } = ENDINGS[facts.ending];
    const whole = [text, facts.trouble].filter(Boolean).join(" ");
    yield { key: "ending", tone, text: whole, ...(facts.ending === "logged_out" ? { offer: "login" } : {}) };
  }
}

function* aboutTheAgent(facts: Facts): Generator<Saying> {
  if (!isInside(facts)) return;
  const { agent, lost } = facts;
  if (agent) {
    if (facts.isUnheard && !agent.leaving) {
      const text = "The agent does not answer its registry. If it is gone, another one comes in a moment.";
      yield { key: "agent", tone: "warning", text };
    } else if (facts.isSuccessor) {
      yield { key: "agent", tone: "done", text: "Another agent has taken over." };
    }
    yield* aboutItself(agent);
  } else if (facts.phase === "in_call") {
    if (lost?.died) {
      yield { key: "agent", tone: "warning", text: "The agent is gone. It is being replaced…" };
    } else if (lost) {
      yield { key: "agent", tone: "info", text: `The agent has left: ${reasonOf(lost.reason)}.` };
    }
    if (facts.isAlone) {
      if (!lost) yield { key: "agent", tone: "info", text: "No agent is here yet." };
      if (facts.why) yield { key: "why", tone: "info", text: whyText(facts.why.answer, facts.why.nextStep) };
    }
  }
}

function* aboutItself(agent: Agent): Generator<Saying> {
  const { notes } = agent;
  if (agent.leaving) {
    yield { key: "leaving", tone: "info", text: `The agent is leaving: ${reasonOf(agent.leaving)}.` };
  }
  if (notes.waiting) {
    const text = PARTS[notes.waiting] ?? `The agent waits for ${notes.waiting}.`;
    yield { key: "waiting", tone: "warning", text };
  }
  if (notes.avatar) {
    const text =
      notes.avatar === "absent"
        ? "The agent's face is not installed where it runs. The call goes on without it."
        : "The agent's face has failed. The call goes on with sound alone.";
    yield { key: "avatar", tone: "info", text };
  }
  if (notes.isBlind) {
    const text = "The model of this agent does not understand pictures. It answers without them.";
    yield { key: "vision", tone: "info", text };
  }
  if (notes.translate) {
    const text = `It translates: what you say, the agent says in ${languageName(notes.translate)}.`;
    yield { key: "translate", tone: "info", text };
  }
  if (notes.fallback.length) {
    const text = `Something else serves in place of what this agent was given: ${notes.fallback.join("; ")}.`;
    yield { key: "fallback", tone: "info", text };
  }
}

function* aboutTheBrowser(facts: Facts): Generator<Saying> {
  if (!facts.canPlay && isInside(facts)) {
    const text = "The browser plays no sound before you touch the page.";
    yield { key: "sound", tone: "warning", text, offer: "sound" };
  }
  const microphone = MICROPHONES[facts.microphone];
  if (microphone) yield { key: "microphone", ...microphone };
  else if (facts.isUnpublished && isInside(facts)) {
    const text = "The microphone is open, but its sound does not reach the call. Trying again; you can write meanwhile.";
    yield { key: "microphone", tone: "warning", text };
  } else if (facts.insteadOf) {
    const { cause, label } = facts.insteadOf;
    const what = cause === "vanished" ? "The microphone has vanished" : "The microphone that you chose cannot be opened";
    yield { key: "microphone", tone: "info", text: `${what}; “${label}” is used instead.` };
  }
  if (facts.sharingTrouble) yield { key: "sharing", tone: "warning", text: facts.sharingTrouble };
  if (facts.chatTrouble) yield { key: "chat", tone: "warning", text: facts.chatTrouble };
}

/** How the agent is, in one word, and the colour of it. */
export function stateWord(facts: Facts): { word: string; tone: string } {
  if (facts.phase === "lobby") return { word: "Not in the call", tone: "stopped" };
  if (facts.phase === "joining") return { word: "Joining", tone: "starting" };
  if (facts.phase !== "in_call") return { word: "Reconnecting", tone: "warning" };
  if (!facts.agent) return { word: "No agent", tone: "warning" };
  if (facts.agent.leaving) return { word: "Leaving", tone: "stopped" };
  if (facts.agent.notes.waiting === "llm") return { word: "Waiting", tone: "warning" };
  switch (facts.agent.state) {
    case "listening":
      return { word: "Listening", tone: "running" };
    case "thinking":
      return { word: "Thinking", tone: "unknown" };
    case "speaking":
      return { word: "Speaking", tone: "info" };
    default:
      return { word: "Starting", tone: "starting" };
  }
}

/** What the button of the lobby says. */
export function joinWord(ending: Ending | null): string {
  if (ending === null) return "Join the call";
  return ending === "taken" ? "Bring the call back here" : "Join again";
}

function reasonOf(leaving: string): string {
  return LEAVING[leaving] ?? leaving.replaceAll("_", " ");
}

function whyText(answer: string, nextStep: string): string {
  const isPlan = nextStep && !nextStep.startsWith("look again") && !nextStep.startsWith("nothing");
  return `The registry says: ${answer}${isPlan ? ` Next: ${nextStep}.` : ""}`;
}

function languageName(tag: string): string {
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag; // no language tag
  }
}
