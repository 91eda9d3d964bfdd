/** What the page asks the registry: a token, why there is no agent, and what becomes of it. */

import type { Why } from "./facts.js";

const TIMEOUT = 10_000; // ms
const FIRST_RETRY = 300; // ms before events are listened to again, doubled with each failure
const LAST_RETRY = 30_000; // ms
const UNKNOWN = 404;

export interface Given {
  url: string;
  token: string;
  room: string;
  identity: string;
}

/** The registry answers, but not as hoped. */
export class RefusedError extends Error {
  /** @param status Of HTTP; 0 = there was no answer. */
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }

  /** Asking again may help. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** A token for the agent's own room, which is made if it is not there. Raises `RefusedError`. */
export async function askToken(agentId: string, identity: string): Promise<Given> {
  const answer = await ask("/api/livekit/token", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ agentId, identity }),
  });
  return (await answer.json()) as Given;
}

/** Why there is no agent; null = the registry cannot say. Never raises. */
export async function askWhy(room: string): Promise<Why | null> {
  try {
    const answer = await ask(`/api/livekit/rooms/${encodeURIComponent(room)}/why`, {});
    const found = (await answer.json()) as { answer?: string; nextStep?: string };
    return { answer: found.answer ?? "", nextStep: found.nextStep ?? "" };
  } catch {
    return null;
  }
}

/** Whether the registry has lost sight of the agent; null = it cannot say. Never raises. */
async function askIsUnheard(agentId: string): Promise<boolean | null> {
  try {
    const answer = await ask(`/api/agents/${encodeURIComponent(agentId)}`, {});
    return isLost((await answer.json()) as Row);
  } catch (error) {
    // One that it has never heard of is not lost.
    return error instanceof RefusedError && error.status === UNKNOWN ? false : null;
  }
}

interface Row {
  agentId: string;
  suspect: boolean;
  status: string;
}

function isLost(row: Row): boolean {
  return row.suspect || row.status === "offline";
}

async function ask(path: string, init: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, { ...init, signal: AbortSignal.timeout(TIMEOUT) });
  } catch {
    throw new RefusedError(0, "The registry does not answer.");
  }
  if (answer.ok) return answer;
  let message = `The registry answers with ${answer.status}.`;
  try {
    const body = (await answer.json()) as { error?: { message?: string } };
    if (body.error?.message) message = sentence(body.error.message);
  } catch {
    // No JSON: a proxy between us. The number says enough.
  }
  throw new RefusedError(answer.status, message);
}

function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

/** Listens to the registry's events about one agent, while the tab is looked at. */
export class Sight {
  private stream: EventSource | null = null;
  private isWanted = false;
  private nEvents = 0; // about this agent
  private retry = FIRST_RETRY;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** @param tell Whether the registry has lost sight of the agent. */
  constructor(
    private readonly agentId: string,
    private readonly tell: (isUnheard: boolean) => void,
  ) {
    // A browser opens six connections to a host, for all its tabs: hidden ones must not hold any.
    document.addEventListener("visibilitychange", () => this.look());
  }

  /** May be called twice. */
  open(): void {
    this.isWanted = true;
    this.look();
  }

  /** May be called twice. */
  close(): void {
    this.isWanted = false;
    this.look();
  }

  private look(): void {
    clearTimeout(this.timer);
    if (!this.isWanted || document.hidden) {
      this.stream?.close();
      this.stream = null;
      this.retry = FIRST_RETRY;
    } else if (!this.stream) {
      this.stream = this.listen();
    }
  }

  private listen(): EventSource {
    const stream = new EventSource("/api/events");
    stream.addEventListener("agents", (event: MessageEvent<string>) => this.read(event.data));
    stream.addEventListener("open", () => (this.retry = FIRST_RETRY));
    // What changed while nobody listened is not sent again.
    for (const event of ["open", "reload"]) stream.addEventListener(event, () => void this.askNow());
    stream.addEventListener("error", () => {
      // The browser itself comes back from a broken line, but not from any answer other than 200: a proxy's while the
      // registry starts anew, or one that wants a login.
      if (stream !== this.stream || stream.readyState !== EventSource.CLOSED) return;
      this.stream = null;
      this.timer = setTimeout(() => this.look(), this.retry);
      this.retry = Math.min(this.retry * 2, LAST_RETRY);
    });
    return stream;
  }

  private async askNow(): Promise<void> {
    const before = this.nEvents;
    const isUnheard = await askIsUnheard(this.agentId);
    // An event in between is newer than the answer.
    if (this.stream && before === this.nEvents && isUnheard !== null) this.tell(isUnheard);
  }

  private read(data: string): void {
    const { agents } = JSON.parse(data) as { agents: Row[] };
    const mine = agents.find((each) => each.agentId === this.agentId);
    if (!mine) return;
    this.nEvents += 1;
    this.tell(isLost(mine));
  }
}
