/** Keeps one microphone in the room: the one that is open now, and no other. */

import { Track, type LocalAudioTrack, type LocalTrack } from "livekit-client";

/** What this needs of LiveKit's local participant. */
export interface Publisher {
  readonly trackPublications: ReadonlyMap<string, { source: Track.Source; track?: LocalTrack | undefined }>;
  publishTrack(track: LocalAudioTrack, options: { source: Track.Source }): Promise<unknown>;
  unpublishTrack(track: LocalTrack, stopOnUnpublish: boolean): Promise<unknown>;
}

/** Of one room. Looks at what is there and makes it right, so nothing is lost when one try fails. */
export class Publishing {
  private isBusy = false;
  private isDue = false;
  private isClosed = false;

  /**
   * @param isConnected What is published without a connection waits 15 s, and then LiveKit's client stops the track.
   * @param wanted The microphone that is open; null = none.
   * @param tell Whether LiveKit does not take it.
   */
  constructor(
    private readonly me: Publisher,
    private readonly isConnected: () => boolean,
    private readonly wanted: () => LocalAudioTrack | null,
    private readonly tell: (isUnpublished: boolean) => void,
  ) {}

  /** Make it so, now or as soon as the look before is done. Never raises. */
  async look(): Promise<void> {
    this.isDue = true;
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      while (this.isDue && !this.isClosed && this.isConnected()) {
        this.isDue = false;
        await this.once();
        if (!this.isClosed) this.tell(false);
      }
    } catch {
      // The connection broke in between, or LiveKit refuses the track. The next look tries again.
      if (!this.isClosed) this.tell(true);
    } finally {
      this.isBusy = false;
    }
  }

  /** May be called twice. */
  close(): void {
    this.isClosed = true;
  }

  private async once(): Promise<void> {
    const wanted = this.wanted();
    let isThere = false;
    for (const { source, track } of [...this.me.trackPublications.values()]) {
      if (source !== Track.Source.Microphone || !track) continue;
      if (track === wanted) isThere = true;
      else await this.me.unpublishTrack(track, true);
    }
    if (!wanted || isThere) return;
    // Another one may be open by now, and there must not be two.
    if (wanted === this.wanted()) await this.me.publishTrack(wanted, { source: Track.Source.Microphone });
    else this.isDue = true;
  }
}
