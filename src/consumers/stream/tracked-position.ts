import { FieldLogger } from '../../common/field-logger.js';
import type { Clock } from '../../../lib/environment/index.js';
import type { Delivery } from '../../../lib/client/index.js';
import { describeError } from '../../common/log-text.js';
import type { StreamOffset, StreamOffsetStore } from './stream-options.js';
import { StreamPosition } from './stream-position.js';

/** A position that is loaded when the consumer starts, and saved as it moves on. */
export class TrackedPosition extends StreamPosition {
  private readonly logger = new FieldLogger('AmqpConsumer');
  private saved: number | undefined;
  /** Cancels the planned save, if there is one. */
  private cancel: (() => void) | undefined;
  private saving: Promise<void> = Promise.resolve();

  /** @param interval minimum time between two saves, ms */
  constructor(
    start: StreamOffset | undefined,
    private readonly name: string,
    private readonly store: StreamOffsetStore,
    private readonly interval: number,
    private readonly clock: Pick<Clock, 'after'>,
  ) {
    super(start);
  }

  /** @throws the store's error, since the position is unknown without it */
  override async load(): Promise<void> {
    this.saved = await this.store.load(this.name);
    this.restore(this.saved);
  }

  override end(delivery: Delivery): void {
    super.end(delivery);
    if (this.committed === this.saved) return;
    this.cancel ??= this.clock.after(this.interval, () => void this.save());
  }

  /** Saves the position now. Never rejects: messages behind an unsaved position are handled again after a restart. */
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
      this.logger.warn(`The offset of '${this.name}' could not be saved: ${describeError(error)}. It is tried again.`, {
        offset: this.name,
      });
    }
  }
}
