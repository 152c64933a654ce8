import { channel } from 'node:diagnostics_channel';
import type { ConfirmTime } from '../../../lib/client/index.js';
import type { Clock } from '../../../lib/environment/index.js';
import type { HandlerTime } from '../../settlement/handlings.js';
import { Quantiles } from './quantiles.js';

/** The median and the 95th percentile, in ms. */
export interface Spread {
  readonly p50: number;
  readonly p95: number;
}

const FRACTIONS = [0.5, 0.95] as const;
/** Maximum number of consumers, and of connections, that are measured. */
const MOST = 2_000;

/** Collects the durations of some handler calls and confirms, which the client chooses at random, from `begin()` to `end()`. */
export class Durations {
  private readonly handlers = new Map<string, Quantiles>();
  private readonly confirms = new Map<string, Quantiles>();
  private leave: (() => void) | undefined;

  constructor(private readonly clock: Pick<Clock, 'now'>) {}

  begin(): void {
    if (this.leave) return;
    const leaves = [
      subscribe<HandlerTime>('handler-time', ({ queue, handler, ms, weight }) =>
        this.record(this.handlers, keyOf(queue, handler), ms, weight),
      ),
      subscribe<ConfirmTime>('confirm-time', ({ peer, ms, weight }) => {
        if (peer?.connectionName !== undefined) this.record(this.confirms, peer.connectionName, ms, weight);
      }),
    ];
    this.leave = () => {
      for (const leave of leaves) leave();
    };
  }

  end(): void {
    this.leave?.();
    this.leave = undefined;
    this.handlers.clear();
    this.confirms.clear();
  }

  /** @param handler the consumer, as its status names it */
  ofHandlers(queue: string, handler: string): Spread | undefined {
    return this.spread(this.handlers.get(keyOf(queue, handler)));
  }

  /** @param connectionName as the client has it */
  ofConfirms(connectionName: string): Spread | undefined {
    return this.spread(this.confirms.get(connectionName));
  }

  private spread(measured: Quantiles | undefined): Spread | undefined {
    const [p50, p95] = measured?.of(FRACTIONS, this.clock.now()) ?? [];
    return p50 === undefined || p95 === undefined ? undefined : { p50: rounded(p50), p95: rounded(p95) };
  }

  private record(all: Map<string, Quantiles>, key: string, ms: number, weight: number): void {
    const now = this.clock.now();
    let quantiles = all.get(key);
    if (!quantiles) {
      if (all.size >= MOST) return;
      all.set(key, (quantiles = new Quantiles(now)));
    }
    quantiles.record(ms, now, weight);
  }
}

/** Calls `told` with each message of a channel of the client. Returns the function that ends it. */
function subscribe<M>(name: string, told: (message: M) => void): () => void {
  const source = channel(`nest-amqp:${name}`);
  const onMessage = (message: unknown): void => told(message as M);
  source.subscribe(onMessage);
  return () => {
    source.unsubscribe(onMessage);
  };
}

/** Three digits, which are more than the quantiles are exact. */
const rounded = (ms: number): number => Number(ms.toPrecision(3));

const keyOf = (queue: string, handler: string): string => `${handler}\n${queue}`;
