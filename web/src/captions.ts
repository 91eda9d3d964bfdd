/** What was said and written, as lines. Pure: text streams go in, lines come out. */

export type Who = "you" | "agent" | "other";

export interface Line {
  key: string;
  who: Who;
  identity: string;
  text: string;
  isFinal: boolean;
  isWritten: boolean;
  /** When its newest text was sent, in milliseconds of the sender's clock; 0 = nobody knows. */
  sentAt: number;
}

const MOST = 300; // lines that are kept; a call may take hours

/** One stream of text on its way into a line. */
export interface Writing {
  add(text: string): void;
  end(isFinal: boolean): void;
}

/**
 * The lines of a call, oldest first.
 *
 * LiveKit's agents send an agent's sentence as one stream that grows, and each version of what a human says as a
 * stream of its own with the same segment: there the newest stream is the whole line.
 */
export class Captions {
  /** By key, in the order in which they began. */
  private readonly lines = new Map<string, Line>();
  private readonly newest = new Map<string, object>();
  private written = 0;

  /** @param changed Called with a line that is new or says something else. @param dropped With one that is too old. */
  constructor(
    private readonly changed: (line: Line) => void,
    private readonly dropped: (line: Line) => void = () => {},
  ) {}

  /** A stream of speech begins. */
  begin(identity: string, segment: string, who: Who, isFinal: boolean, sentAt = 0): Writing {
    const key = `${identity}/${segment}`;
    const stream = {};
    this.newest.set(key, stream);
    let text = "";
    const put = (final: boolean): void => {
      if (this.newest.get(key) !== stream) return; // a newer version of the line is here already
      const shown = text.trim() || this.lines.get(key)?.text;
      if (shown) this.put({ key, who, identity, text: shown, isFinal: final, isWritten: false, sentAt });
    };
    return {
      add: (more) => {
        text += more;
        put(isFinal);
      },
      end: (final) => put(isFinal || final),
    };
  }

  /** Somebody wrote a text. */
  write(identity: string, text: string, who: Who, sentAt = 0): void {
    this.written += 1;
    this.put({ key: `written/${this.written}`, who, identity, text, isFinal: true, isWritten: true, sentAt });
  }

  /** No more comes of what is not final: whoever was speaking is gone. */
  settle(): void {
    for (const line of [...this.lines.values()]) {
      if (!line.isFinal) this.put({ ...line, isFinal: true });
    }
    this.newest.clear();
  }

  private put(line: Line): void {
    this.lines.set(line.key, line);
    this.changed(line);
    if (this.lines.size <= MOST) return;
    for (const old of this.lines.values()) {
      this.lines.delete(old.key);
      this.newest.delete(old.key);
      this.dropped(old);
      return;
    }
  }
}
