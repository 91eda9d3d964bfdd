/** The page's elements: draws facts on them, and tells what the human does. */

import type { ConnectionQuality } from "livekit-client";
import { isInside, type Facts, type MicrophoneState } from "./facts.js";
import { joinWord, sayings, stateWord, type Saying } from "./words.js";

/** What the human can do. */
export interface Acts {
  join(): void;
  leave(): void;
  mute(): void;
  choose(id: string): void;
  camera(): void;
  screen(): void;
  sound(): void;
  send(text: string): void;
}

const QUALITIES: Record<string, { word: string; tone: string }> = {
  excellent: { word: "good", tone: "running" },
  good: { word: "good", tone: "running" },
  poor: { word: "poor", tone: "warning" },
  lost: { word: "lost", tone: "error" },
  unknown: { word: "–", tone: "stopped" },
};

const MUTE: Partial<Record<MicrophoneState, string>> = { on: "Mute", unknown: "Test microphone", asking: "Asking…" };

function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(`talk-${id}`);
  if (!found) throw new Error(`the page has no talk-${id}; it is older or newer than its script`);
  return found as T;
}

export class View {
  readonly lines = element("lines");
  readonly sounds = element("sounds");
  readonly face = element("face");
  readonly agentId: string;
  readonly liveKitUrl: string;
  private readonly root = element("page");
  private readonly state = element("state");
  private readonly says = element("says");
  private readonly lobby = element("lobby");
  private readonly join = element<HTMLButtonElement>("join");
  private readonly leave = element<HTMLButtonElement>("leave");
  private readonly mute = element<HTMLButtonElement>("mute");
  private readonly meter = element("level");
  private readonly bar = element("level-bar");
  private readonly picker = element<HTMLSelectElement>("microphone");
  private readonly camera = element<HTMLButtonElement>("camera");
  private readonly screen = element<HTMLButtonElement>("screen");
  private readonly form = element<HTMLFormElement>("form");
  private readonly text = element<HTMLInputElement>("text");
  private readonly send = element<HTMLButtonElement>("send");
  private readonly qualities = { you: element("quality-you"), agent: element("quality-agent") };
  private acts: Acts | null = null;
  private wasInLobby = true;

  constructor() {
    this.agentId = this.root.dataset.agent ?? "";
    this.liveKitUrl = this.root.dataset.livekit ?? "";
  }

  on(acts: Acts): void {
    this.acts = acts;
    this.join.addEventListener("click", () => acts.join());
    this.leave.addEventListener("click", () => acts.leave());
    this.mute.addEventListener("click", () => acts.mute());
    this.camera.addEventListener("click", () => acts.camera());
    this.screen.addEventListener("click", () => acts.screen());
    this.picker.addEventListener("change", () => acts.choose(this.picker.value));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.text.value.trim();
      if (text) acts.send(text);
    });
  }

  /** Draw all of it. */
  draw(facts: Facts): void {
    const isInLobby = facts.phase === "lobby";
    const isIn = facts.phase === "in_call";
    this.root.dataset.phase = facts.phase;
    this.drawState(facts);
    this.drawSayings(sayings(facts));
    this.lobby.hidden = !isInLobby;
    // The button takes of their height.
    if (isInLobby && !this.wasInLobby) this.lines.scrollTop = this.lines.scrollHeight;
    this.join.disabled = !isInLobby;
    this.join.textContent = joinWord(facts.ending);
    this.leave.disabled = isInLobby;
    this.text.disabled = this.send.disabled = !isIn;
    this.drawMute(facts.microphone);
    this.drawSharing(facts);
    if (!isInside(facts)) this.showQuality("you", "unknown");
    if (!facts.agent) this.showQuality("agent", "unknown");
    this.moveFocus(isInLobby);
  }

  showLevel(value: number): void {
    this.bar.style.transform = `scaleX(${value.toFixed(2)})`;
    this.meter.setAttribute("aria-valuenow", String(Math.round(value * 100)));
  }

  showQuality(whose: "you" | "agent", quality: ConnectionQuality | "unknown"): void {
    const { word, tone } = QUALITIES[quality] ?? { word: "–", tone: "stopped" };
    const place = this.qualities[whose];
    place.textContent = word;
    place.className = `quality is-${tone}`;
  }

  listMicrophones(devices: MediaDeviceInfo[], current: string): void {
    const options = devices.map((each, at) => new Option(each.label || `Microphone ${at + 1}`, each.deviceId));
    if (!options.length) options.push(new Option("The browser's own choice", ""));
    this.picker.replaceChildren(...options);
    if (devices.some((each) => each.deviceId === current)) this.picker.value = current;
    this.picker.disabled = devices.length < 2;
  }

  /** Empty the field, unless something else was typed in the meantime. */
  clearText(sent: string): void {
    if (this.text.value.trim() === sent) this.text.value = "";
  }

  private drawState(facts: Facts): void {
    const { word, tone } = stateWord(facts);
    const place = this.state.querySelector(".word");
    if (place && place.textContent !== word) place.textContent = word;
    this.state.className = `badge is-${tone}`;
  }

  private drawSayings(all: Saying[]): void {
    const old = new Map([...this.says.children].map((each) => [(each as HTMLElement).dataset.key, each as HTMLElement]));
    all.forEach((saying, at) => {
      const item = old.get(saying.key) ?? this.makeSaying(saying);
      old.delete(saying.key);
      item.className = `banner is-${saying.tone}`;
      const text = item.querySelector(".text");
      // Not written again when it is the same, or whoever listens to the page would hear it again.
      if (text && text.textContent !== saying.text) text.textContent = saying.text;
      if (this.says.children[at] !== item) this.says.insertBefore(item, this.says.children[at] ?? null);
    });
    for (const gone of old.values()) gone.remove();
  }

  private makeSaying(saying: Saying): HTMLElement {
    const item = document.createElement("div");
    item.dataset.key = saying.key;
    const text = document.createElement("span");
    text.className = "text";
    item.append(text);
    if (saying.offer === "sound") {
      const button = document.createElement("button");
      button.textContent = "Turn on the sound";
      button.addEventListener("click", () => this.acts?.sound());
      item.append(button);
    } else if (saying.offer === "login") {
      const link = document.createElement("a");
      link.href = `/login?next=${encodeURIComponent(location.pathname)}`;
      link.textContent = "Log in again";
      item.append(link);
    }
    return item;
  }

  private drawMute(microphone: MicrophoneState): void {
    this.mute.textContent = MUTE[microphone] ?? "Unmute";
    this.mute.disabled = microphone === "asking";
    this.mute.classList.toggle("is-off", microphone !== "on" && microphone !== "unknown");
    this.meter.classList.toggle("is-off", microphone !== "on");
  }

  private drawSharing(facts: Facts): void {
    const mayShare = isInside(facts) && (facts.agent?.notes.vision ?? false);
    const { camera, screen } = facts.isSharing;
    this.camera.hidden = !mayShare && !camera;
    this.screen.hidden = (!mayShare && !screen) || !("getDisplayMedia" in navigator.mediaDevices);
    this.camera.textContent = camera ? "Stop the camera" : "Share camera";
    this.screen.textContent = screen ? "Stop the screen" : "Share screen";
    this.camera.setAttribute("aria-pressed", String(camera));
    this.screen.setAttribute("aria-pressed", String(screen));
  }

  /** What was pressed is hidden now: whoever uses the keyboard goes on beside it. */
  private moveFocus(isInLobby: boolean): void {
    if (isInLobby === this.wasInLobby) return;
    this.wasInLobby = isInLobby;
    if (document.activeElement === document.body || document.activeElement === null) {
      (isInLobby ? this.join : this.leave).focus({ preventScroll: true });
    }
  }
}
