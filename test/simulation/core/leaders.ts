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

/** Upper limit of the time from the first refusal to the new opening of the channel, ms. */
const RENEWED_WITHIN = 8_000;

/**
 * Leaders of queues that die. A channel that opens before the next is elected keeps the dead one, as RabbitMQ 3.10's do: all
 * that it publishes is refused, for as long as it lives or until the node is back.
 */
export class Leaders {
  private electedAt = 0;
  private away = true;
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

  /** Called when a channel opens. */
  onOpen(wire: number, id: number, channel: FaultyChannel): void {
    if (this.clock.now >= this.electedAt) return;
    const { host } = channel;
    const { faults } = host;
    let first: number | undefined;
    // The broker has one object of faults for all channels. This channel gets its own.
    const refusing: PublishFaults = {
      onPublish: (message, confirming, mandatory) => {
        if (!this.away || !confirming) return faults.onPublish(message, confirming, mandatory);
        this.oracle.count('refused for want of a leader');
        first ??= this.clock.now;
        const since = this.clock.now - first;
        const fine = since < RENEWED_WITHIN || this.excuses(wire, id);
        this.oracle.check(fine, 'leader', () => `channel ${wire}/${id} has been refused for ${since} ms, and was not opened anew`); // prettier-ignore
        return 'nacked';
      },
    };
    host.faults = Object.assign(Object.create(faults) as PublishFaults, refusing);
  }
}
