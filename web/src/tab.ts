/** What this tab remembers over a reload: who it is, and with whom it talks. */

const IDENTITY = "roomkeeper.talk.identity";
const CALL = "roomkeeper.talk.call";

export class Tab {
  /** @param storage The tab's own, so that a second tab is somebody else. @param random Makes letters and digits. */
  constructor(
    private readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem">,
    private readonly random: () => string,
  ) {}

  /** Who this tab is in every room. */
  get identity(): string {
    const kept = this.storage.getItem(IDENTITY) ?? "";
    if (/^guest-[0-9a-f]{24}$/.test(kept)) return kept;
    const made = `guest-${this.random()}`;
    this.storage.setItem(IDENTITY, made);
    return made;
  }

  isInCallWith(agentId: string): boolean {
    return this.storage.getItem(CALL) === agentId;
  }

  enter(agentId: string): void {
    this.storage.setItem(CALL, agentId);
  }

  /** May be called twice. */
  leave(): void {
    this.storage.removeItem(CALL);
  }
}

/** 24 hexadecimal digits that nobody can guess. */
export function randomDigits(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
