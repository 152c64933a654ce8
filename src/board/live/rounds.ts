import type { Clock } from '../../../lib/environment/index.js';

/** Repeats work from `begin()` to `end()`: each round begins so many ms after the end of the one before. */
export class Rounds {
  private stop: AbortController | undefined;

  /** @param work must not reject; its signal is aborted by `end()` */
  constructor(
    private readonly clock: Pick<Clock, 'after'>,
    private readonly every: number,
    private readonly work: (signal: AbortSignal) => Promise<void>,
  ) {}

  begin(): void {
    if (this.stop) return;
    this.stop = new AbortController();
    void this.round(this.stop.signal);
  }

  end(): void {
    this.stop?.abort();
    this.stop = undefined;
  }

  private async round(signal: AbortSignal): Promise<void> {
    await this.work(signal);
    if (signal.aborted) return;
    const cancel = this.clock.after(
      this.every,
      () => {
        signal.removeEventListener('abort', cancel);
        void this.round(signal);
      },
      { keepAlive: false },
    );
    signal.addEventListener('abort', cancel, { once: true });
  }
}
