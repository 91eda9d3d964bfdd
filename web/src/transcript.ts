/** The lines of the call on the page. Texts of others become text and never HTML. */

import type { Line, Who } from "./captions.js";

const NEAR = 80; // pixels from the end at which new lines are followed

const NAMES: Record<Who, string> = { you: "You", agent: "Agent", other: "Another" };

export class Transcript {
  private readonly items = new Map<string, HTMLElement>();

  constructor(private readonly list: HTMLElement) {}

  show(line: Line): void {
    const isAtEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < NEAR;
    let item = this.items.get(line.key);
    if (!item) {
      item = this.make(line);
      this.items.set(line.key, item);
      this.list.append(item);
    }
    item.classList.toggle("is-interim", !line.isFinal);
    if (line.sentAt) item.dataset.sent = String(line.sentAt);
    const text = item.querySelector(".text");
    if (text && text.textContent !== line.text) text.textContent = line.text;
    if (isAtEnd) this.list.scrollTop = this.list.scrollHeight;
  }

  /** Show only these, under a word that says so. */
  showEarlier(lines: Line[]): void {
    this.items.clear();
    const word = document.createElement("li");
    word.className = "talk-earlier";
    word.textContent = "Earlier in this call";
    this.list.replaceChildren(word);
    for (const line of lines) this.show(line);
    this.list.scrollTop = this.list.scrollHeight;
  }

  remove(line: Line): void {
    this.items.get(line.key)?.remove();
    this.items.delete(line.key);
  }

  private make(line: Line): HTMLElement {
    const item = document.createElement("li");
    item.className = `line from-${line.who}${line.isWritten ? " is-written" : ""}`;
    const who = document.createElement("span");
    who.className = "who";
    who.textContent = line.who === "other" ? `${NAMES.other}, ${line.identity}` : NAMES[line.who];
    const text = document.createElement("p");
    text.className = "text";
    text.dir = "auto";
    item.append(who, text);
    return item;
  }
}
