/** Receives the outcome of a handler for its trace. Only the first outcome counts. */
export interface HandlerTrace {
  succeed(): void;
  fail(error: unknown): void;
}

/**
 * One message in its handler. It ends before the handler returns if the handler takes too long, or if the broker
 * delivers the message again. The handler's outcome does not count then.
 */
export class Handling {
  trace: HandlerTrace | undefined;
  /** Number of handler calls that this one stands for in `nest-amqp:handler-time`; 0 if it is not told. */
  weight = 0;
  private controller: AbortController | undefined;
  private reason: Error | undefined;

  /** Aborted at its end, with the error as the reason. Created at the first read, since most handlers never read it. */
  get signal(): AbortSignal {
    this.controller ??= new AbortController();
    if (this.reason) this.controller.abort(this.reason);
    return this.controller.signal;
  }

  /** The reason why the handler's outcome is ignored; undefined while it counts. */
  get over(): Error | undefined {
    return this.reason;
  }

  /** Ends the handling. Only the first reason counts. */
  end(reason: Error): void {
    if (this.reason) return;
    this.reason = reason;
    this.trace?.fail(reason);
    this.controller?.abort(reason);
  }
}
