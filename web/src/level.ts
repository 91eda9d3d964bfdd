/** How loud the microphone is, drawn as a bar. */

const PERIOD = 66; // ms between two looks: fast enough for eyes, cheap enough for phones

/** Loudness of samples from -1 to 1, from 0 to 1 as ears take it: whispering is about a third. */
export function loudness(samples: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < samples.length; at += 1) sum += (samples[at] ?? 0) ** 2;
  const rms = Math.sqrt(sum / Math.max(1, samples.length));
  const decibels = 20 * Math.log10(Math.max(rms, 1e-5));
  return Math.min(1, Math.max(0, (decibels + 60) / 55));
}

export function sleeping(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

export class Level {
  private context: AudioContext | null = null;
  private source: MediaStreamAudioSourceNode | null = null;
  private timer: ReturnType<typeof setInterval> | undefined;

  /** @param show Called with the level, 0 to 1. */
  constructor(private readonly show: (level: number) => void) {
    // Browsers let no page measure before it is touched.
    for (const touch of ["pointerdown", "keydown"]) {
      document.addEventListener(touch, () => void this.context?.resume(), { passive: true });
    }
  }

  /** Show this sound from now on; null = none. */
  listen(track: MediaStreamTrack | null): void {
    this.source?.disconnect();
    this.source = null;
    clearInterval(this.timer);
    this.show(0);
    if (!track) return;
    this.context ??= new AudioContext();
    void this.context.resume();
    const analyser = this.context.createAnalyser();
    analyser.fftSize = 1024;
    this.source = this.context.createMediaStreamSource(new MediaStream([track]));
    this.source.connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.timer = setInterval(() => {
      if (document.hidden) return;
      analyser.getFloatTimeDomainData(samples);
      this.show(track.enabled ? loudness(samples) : 0);
    }, PERIOD);
  }
}
