import { tracingChannel } from 'node:diagnostics_channel';
import type { ProcessTrace, PublishTrace } from '../../../lib/client/index.js';
import type { Clock } from '../../../lib/environment/index.js';
import { Quantiles } from './quantiles.js';

/** The median and the 95th percentile, in ms. */
export interface Spread {
  readonly p50: number;
  readonly p95: number;
}

const FRACTIONS = [0.5, 0.95] as const;
/** Maximum number of handlers, and of connections, that are measured. */
const MOST = 2_000;

/** Measures the durations of handler calls and confirms from `begin()` to `end()`, by the tracing channels of the client. */
export class Durations {
  private readonly begun = new WeakMap<object, number>();
  private readonly handlers = new Map<string, Quantiles>();
  private readonly confirms = new Map<string, Quantiles>();
  private leave: (() => void) | undefined;

  constructor(private readonly clock: Pick<Clock, 'now'>) {}

  begin(): void {
    if (this.leave) return;
    const leaves = [
      this.subscribe<ProcessTrace>('process', ({ queue, handler }, ms) => {
        if (handler !== undefined) this.record(this.handlers, keyOf(queue, handler), ms);
      }),
      this.subscribe<PublishTrace>('publish', ({ peer, error }, ms) => {
        const connection = peer?.connectionName;
        if (error === undefined && connection !== undefined) this.record(this.confirms, connection, ms);
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

  /** @param handlers those of one consumer */
  ofHandlers(queue: string, handlers: readonly string[]): Spread | undefined {
    return this.spread(handlers.map((handler) => this.handlers.get(keyOf(queue, handler))));
  }

  /** @param connectionName as the client has it */
  ofConfirms(connectionName: string): Spread | undefined {
    return this.spread([this.confirms.get(connectionName)]);
  }

  private spread(measured: readonly (Quantiles | undefined)[]): Spread | undefined {
    const known = measured.filter((quantiles) => quantiles !== undefined);
    const [p50, p95] = Quantiles.of(known, FRACTIONS, this.clock.now()) ?? [];
    return p50 === undefined || p95 === undefined ? undefined : { p50: rounded(p50), p95: rounded(p95) };
  }

  private record(all: Map<string, Quantiles>, key: string, ms: number): void {
    const now = this.clock.now();
    let quantiles = all.get(key);
    if (!quantiles) {
      if (all.size >= MOST) return;
      all.set(key, (quantiles = new Quantiles(now)));
    }
    quantiles.record(ms, now);
  }

  private subscribe<M extends object>(name: string, ended: (message: M, ms: number) => void): () => void {
    const { start, asyncEnd } = tracingChannel(`nest-amqp:${name}`);
    const onStart = (message: unknown): void => void this.begun.set(message as object, this.clock.now());
    const onEnd = (message: unknown): void => {
      const begin = this.begun.get(message as object);
      if (begin !== undefined) ended(message as M, this.clock.now() - begin);
    };
    start.subscribe(onStart);
    asyncEnd.subscribe(onEnd);
    return () => {
      start.unsubscribe(onStart);
      asyncEnd.unsubscribe(onEnd);
    };
  }
}

/** Three digits, which are more than the quantiles are exact. */
const rounded = (ms: number): number => Number(ms.toPrecision(3));

const keyOf = (queue: string, handler: string): string => `${handler}\n${queue}`;
