import type { TracingChannel } from 'node:diagnostics_channel';

/** The subscriber of one tracing channel. */
export interface Operations<M> {
  readonly start: (message: M) => void;
  /** Called when the outcome is known. */
  readonly end: (message: M) => void;
}

/** Subscribes to a tracing channel. Returns the function that ends it. */
export function subscribed<M>(operation: TracingChannel, { start, end }: Operations<M>): () => void {
  const [onStart, onEnd] = [start, end] as unknown as ((message: unknown) => void)[];
  operation.start.subscribe(onStart!);
  operation.asyncEnd.subscribe(onEnd!);
  return () => {
    operation.start.unsubscribe(onStart!);
    operation.asyncEnd.unsubscribe(onEnd!);
  };
}
