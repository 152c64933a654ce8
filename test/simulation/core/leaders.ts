import type { Oracle } from '../engine/oracle.js';
import type { VirtualClock } from '../engine/virtual-clock.js';

/** The faults that a channel of the broker checks before it takes a publish. */
interface PublishFaults {
  onPublish(message: unknown, confirming: boolean, mandatory: boolean): 'nacked' | 'returned' | undefined;
}

/** Internals of a channel of the broker, with the source of its faults. */
export interface FaultyChannel {
  readonly host: { faults: PublishFaults };
}

/** Upper limit of the time from the first refusal that the client has read to the new opening of the channel, ms. */
const RENEWED_WITHIN = 8_000;

/**
 * Leaders of queues that die. A channel that opens before the next is elected keeps the dead one, as RabbitMQ 3.10's do: all
 * that it publishes is refused, for as long as it lives or until the node is back.
 */
export class Leaders {
  private electedAt = 0;
  private away = true;
  /** When the client read the first refusal since the channel was opened, ms; by wire and channel. */
  private readonly told = new Map<string, number>();
  /** Returns whether a channel may stay as it is: its user does not want it open, or the network is slow. */
  excuses: (wire: number, channel: number) => boolean = () => false;

  constructor(
    private readonly clock: VirtualClock,
    private readonly oracle: Oracle,
  ) {}

  /** Kills the leaders. New ones are elected after `ms`. */
  lose(ms: number): void {
    this.electedAt = Math.max(this.electedAt, this.clock.now + ms);
    this.away = true;
  }

  /** Brings back the nodes that have died. */
  comeBack(): void {
    this.electedAt = 0;
    this.away = false;
  }

  /** Called when the client has read a refusal. */
  onTold(wire: number, id: number): void {
    const at = `${wire}/${id}`;
    if (!this.told.has(at)) this.told.set(at, this.clock.now);
  }

  /** Called when a channel opens. */
  onOpen(wire: number, id: number, channel: FaultyChannel): void {
    const at = `${wire}/${id}`;
    this.told.delete(at);
    if (this.clock.now >= this.electedAt) return;
    const { host } = channel;
    const { faults } = host;
    // The broker has one object of faults for all channels. This channel gets its own.
    const refusing: PublishFaults = {
      onPublish: (message, confirming, mandatory) => {
        if (!this.away || !confirming) return faults.onPublish(message, confirming, mandatory);
        this.oracle.count('refused for want of a leader');
        // A broker that is stalled, or a slow network, may keep the refusal back.
        const since = this.clock.now - (this.told.get(at) ?? this.clock.now);
        const fine = since < RENEWED_WITHIN || this.excuses(wire, id);
        this.oracle.check(fine, 'leader', () => `channel ${at} knows for ${since} ms that it is refused, and was not opened anew`); // prettier-ignore
        return 'nacked';
      },
    };
    host.faults = Object.assign(Object.create(faults) as PublishFaults, refusing);
  }
}
