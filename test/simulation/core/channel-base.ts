import type { Channel, Connection } from '../../../lib/client/index.js';
import type { Wire } from '../engine/wire.js';
import type { BindingBook } from './binding-book.js';
import { CallsInOrder } from './promises.js';
import type { Scene } from './scene.js';
import type { ChannelSettings } from './steps.js';

/** What a channel needs of its connection. */
export interface ChannelOwner {
  readonly name: string;
  readonly connection: Connection | undefined;
  readonly wire: Wire | undefined;
  readonly bindings: BindingBook;
  readonly closeAsked: boolean;
  /** Something could not be declared again, and this was told. */
  readonly restoreFailed: boolean;
  readonly queueNames: ReadonlyMap<string, ReadonlySet<string>>;
}

/** One channel of the user's: what all that is done on it needs. */
export class ChannelBase {
  channel: Channel | undefined;
  readonly calls: CallsInOrder;

  constructor(
    readonly scene: Scene,
    readonly owner: ChannelOwner,
    readonly name: string,
    readonly settings: ChannelSettings,
  ) {
    this.calls = new CallsInOrder(scene.settings.rpcTimeout);
  }

  /** It has closed for good, or is asked to. */
  get isOver(): boolean {
    return false;
  }

  /** Queues that the broker names have two names: the user's, which stays, and the broker's, which changes. */
  nameOnWire(queue: string): string {
    return this.scene.named.get(`${this.owner.name} ${queue}`) ?? queue;
  }

  call(
    what: string,
    call: (channel: Channel) => Promise<unknown>,
    timeout?: number,
    then?: (error: unknown, value?: unknown) => void,
  ): void {
    const { channel, scene } = this;
    if (!channel) return;
    scene.promises.watch(`${what} on ${this.name}`, () => call(channel), this.calls.limit(timeout), then);
  }
}
