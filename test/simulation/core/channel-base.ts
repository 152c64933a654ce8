import type { Channel, Connection } from '../../../lib/client/index.js';
import type { Wire } from '../engine/wire.js';
import type { BindingBook } from './binding-book.js';
import { CallsInOrder } from './promises.js';
import type { Scene } from './scene.js';
import type { ChannelSettings } from './steps.js';

/** The part of a connection that its channels use. */
export interface ChannelOwner {
  readonly name: string;
  readonly connection: Connection | undefined;
  readonly wire: Wire | undefined;
  readonly bindings: BindingBook;
  readonly closeAsked: boolean;
  /** The client could not declare everything again, and has reported that. */
  readonly restoreFailed: boolean;
  readonly queueNames: ReadonlyMap<string, ReadonlySet<string>>;
}

/** The common base of all that a user does on one channel. */
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

  /** The channel has closed for good, or the user has asked it to. */
  get isOver(): boolean {
    return false;
  }

  /** The ledger's name of the current opening of the channel. */
  get opening(): string {
    return `${this.wireId}/${this.channel!.id}.${this.generation}`;
  }

  get generation(): number {
    return this.scene.cluster.generation(this.wireId, this.channel!.id);
  }

  /** 0 for a connection that has never had a socket. */
  private get wireId(): number {
    return this.owner.wire?.id ?? 0;
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
