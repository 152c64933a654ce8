import { EventEmitter } from 'node:events';

/** Calls the listeners of an emitter. */
export type Report<Events extends Record<keyof Events, unknown[]>> = <K extends keyof Events & string>(
  event: K,
  ...args: Events[K]
) => void;

/**
 * An emitter whose listeners cannot harm it: what a listener throws surfaces as an uncaught exception of the process,
 * as with any emitter, but never inside the frame parser that caused the event. No event is called `error`, so none
 * ends the process for want of a listener.
 */
export class SafeEmitter<Events extends Record<keyof Events, unknown[]>> extends EventEmitter<Events> {
  protected report<K extends keyof Events & string>(event: K, ...args: Events[K]): void {
    const emitter = this as EventEmitter;
    if (emitter.listenerCount(event) === 0) return;
    // One by one: a listener that throws keeps no other from hearing of it.
    for (const listener of emitter.rawListeners(event)) {
      try {
        listener.apply(this, args);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
