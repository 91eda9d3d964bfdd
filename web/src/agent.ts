/** What the attributes of participants say about the agent. Pure: see docs/talk.md for the attributes. */

export const STATE = "lk.agent.state";
export const LEAVING = "roomkeeper.leaving";
export const NOTES = "roomkeeper.notes";
export const ON_BEHALF = "lk.publish_on_behalf";

const MOST = 5; // fallbacks that are told
const LONGEST = 200; // characters of one text of another process

/** What the agent says about itself. */
export interface Notes {
  /** Which part fails at the moment: `llm`, `stt` or `tts`; empty = none. */
  waiting: string;
  /** `absent`, or `failed: …`; empty = nothing is wrong with it. */
  avatar: string;
  vision: boolean;
  /** It should see, and its model has refused pictures. */
  isBlind: boolean;
  /** The language that it speaks in place of the human's; empty = it does not translate. */
  translate: string;
  /** Providers in whose place others serve, in words. */
  fallback: string[];
}

export interface Agent {
  identity: string;
  /** `initializing`, `listening`, `thinking`, `speaking`, or empty. */
  state: string;
  /** Why it is on its way out; empty = it is not. */
  leaving: string;
  notes: Notes;
}

/** Read the attribute. Anything that is not as it should be counts as not said. */
export function parseNotes(text: string | undefined): Notes {
  let found: unknown = {};
  try {
    found = JSON.parse(text || "{}");
  } catch {
    // An agent of another version: what cannot be read is not shown.
  }
  const said: Record<string, unknown> = typeof found === "object" && found !== null ? { ...found } : {};
  const fallback: unknown[] = Array.isArray(said.fallback) ? said.fallback : [];
  return {
    waiting: line(said.waiting),
    avatar: line(said.avatar),
    vision: said.vision === true,
    isBlind: said.vision === "not understood",
    translate: line(said.translate),
    fallback: fallback.map(line).filter(Boolean).slice(0, MOST),
  };
}

export function agentOf(identity: string, attributes: Readonly<Record<string, string>>): Agent {
  return {
    identity,
    state: attributes[STATE] ?? "",
    leaving: attributes[LEAVING] ?? "",
    notes: parseNotes(attributes[NOTES]),
  };
}

function line(value: unknown): string {
  return typeof value === "string" ? value.slice(0, LONGEST) : "";
}
