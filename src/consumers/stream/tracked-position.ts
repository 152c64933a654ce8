import { Logger } from '@nestjs/common';
import type { Clock } from '../../../lib/environment/index.js';
import type { Delivery } from '../../../lib/client/index.js';
import { describeError } from '../../common/log-text.js';
import type { StreamOffset, StreamOffsetStore } from './stream-options.js';
import { StreamPosition } from './stream-position.js';

/** A position that is saved as it moves on, and loaded when the consumer starts. */
export class TrackedPosition extends StreamPosition {
  private readonly logger = new Logger('AmqpConsumer');
  private saved: number | undefined;
  /** Of the next save, while it is due. */
  private cancel: (() => void) | undefined;
  private saving: Promise<void> = Promise.resolve();

  /** @param interval between two saves at least, ms */
  constructor(
    start: StreamOffset | undefined,
    private readonly name: string,
    private readonly store: StreamOffsetStore,
    private readonly interval: number,
    private readonly clock: Pick<Clock, 'after'>,
  ) {
    super(start);
  }

  /** @throws what the store throws: without it there is no telling where to go on */
  override async load(): Promise<void> {
    this.saved = await this.store.load(this.name);
    this.restore(this.saved);
  }

  override end(delivery: Delivery): void {
    super.end(delivery);
    if (this.committed === this.saved) return;
    this.cancel ??= this.clock.after(this.interval, () => void this.save());
  }

  /** Saves it now. Never rejects: what is not saved is handled again after a restart, and no more. */
  override save(): Promise<void> {
    this.cancel?.();
    this.cancel = undefined;
    return (this.saving = this.saving.then(() => this.saveOnce()));
  }

  private async saveOnce(): Promise<void> {
    const { committed } = this;
    if (committed === undefined || committed === this.saved) return;
    try {
      await this.store.save(this.name, committed);
      this.saved = committed;
    } catch (error) {
      this.logger.warn(`The offset of '${this.name}' could not be saved: ${describeError(error)}. It is tried again.`);
    }
  }
}
