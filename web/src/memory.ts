/** The last lines of this tab's call with one agent, remembered over a reload. */

import type { Line, Who } from "./captions.js";

const MOST = 100; // lines
const LONGEST = 2_000; // characters of a line; what is longer is cut
const PEOPLE: readonly Who[] = ["you", "agent", "other"];

/** A line as it is stored, in a JSON list, oldest first. */
type Kept = Pick<Line, "who" | "identity" | "text" | "isWritten" | "sentAt">;

export class Memory {
  private readonly key: string;
  /** What other lives of this page have kept before it. */
  private earlier: Kept[] = [];
  /** What this one has kept, by the line's key. */
  private readonly mine = new Map<string, Kept>();
  /** What is in the storage as far as this page knows; null = nothing. */
  private known: string | null = null;

  /** @param storage The tab's own, so that nothing outlives the tab. */
  constructor(
    private readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem">,
    agentId: string,
  ) {
    this.key = `roomkeeper.talk.lines.${agentId}`;
  }

  /** Keep a line as it is now. May be called again with a newer version of it; one that is not final is left out. */
  keep(line: Line): void {
    if (!line.isFinal) return;
    const { key, who, identity, isWritten, sentAt } = line;
    const text = line.text.length > LONGEST ? `${line.text.slice(0, LONGEST - 1)}…` : line.text;
    this.mine.set(key, { who, identity, text, isWritten, sentAt });
    for (const old of this.mine.keys()) {
      if (this.mine.size <= MOST) break;
      this.mine.delete(old);
    }
    const all = JSON.stringify([...this.earlier, ...this.mine.values()].slice(-MOST));
    try {
      this.storage.setItem(this.key, all);
      this.known = all;
    } catch {
      // The storage is full: what it holds stays as it is, and the call goes on.
    }
  }

  /**
   * The lines that this page has not kept itself, oldest first; none when the storage is as the page left it.
   *
   * They have keys of their own: LiveKit's segments and the page's count of texts may begin anew.
   */
  recall(): Line[] {
    const stored = this.storage.getItem(this.key);
    if (stored === this.known) return []; // a page that the browser has kept whole shows them still
    this.known = stored;
    this.mine.clear();
    this.earlier = parse(stored ?? "[]");
    return this.earlier.map((kept, at) => ({ ...kept, key: `earlier/${at}`, isFinal: true }));
  }

  /** May be called twice. */
  forget(): void {
    this.earlier = [];
    this.mine.clear();
    this.known = null;
    this.storage.removeItem(this.key);
  }
}

/** What is no list of lines counts as nothing. */
function parse(stored: string): Kept[] {
  try {
    const found: unknown = JSON.parse(stored);
    return Array.isArray(found) ? found.filter(isKept).slice(-MOST) : [];
  } catch {
    return [];
  }
}

function isKept(found: unknown): found is Kept {
  if (typeof found !== "object" || found === null) return false;
  const { who, identity, text, isWritten, sentAt } = found as Partial<Record<keyof Kept, unknown>>;
  return (
    PEOPLE.includes(who as Who) &&
    typeof identity === "string" &&
    typeof text === "string" &&
    typeof isWritten === "boolean" &&
    typeof sentAt === "number"
  );
}
