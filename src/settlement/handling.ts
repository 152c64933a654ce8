/** Is told of the outcome of a handler, for those who trace it; only the first one counts. */
export interface HandlerTrace {
  succeed(): void;
  fail(error: unknown): void;
}

/**
 * One message in its handler. It is over before the handler returns when the handler took too long, or when the broker
 * has given the message to somebody else; the handler's outcome does not count then.
 */
export class Handling {
  trace: HandlerTrace | undefined;
  private controller: AbortController | undefined;
  private reason: Error | undefined;

  /** Aborted once it is over; the reason is the error. Made when first asked for: most handlers never ask. */
  get signal(): AbortSignal {
    this.controller ??= new AbortController();
    if (this.reason) this.controller.abort(this.reason);
    return this.controller.signal;
  }

  /** The reason for which the handler's outcome is ignored; undefined as long as it counts. */
  get over(): Error | undefined {
    return this.reason;
  }

  /** Ends it. Only the first reason counts. */
  end(reason: Error): void {
    if (this.reason) return;
    this.reason = reason;
    this.trace?.fail(reason);
    this.controller?.abort(reason);
  }
}
