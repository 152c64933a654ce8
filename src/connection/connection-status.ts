import { BehaviorSubject, type Observable } from 'rxjs';

/**
 * `connecting`: not there yet. `open`: all is well. `blocked`: the broker takes no publishes for now
 * (https://www.rabbitmq.com/docs/connection-blocked). `reconnecting`: lost, and being opened again. `closed`: for good.
 *
 * @publicApi
 */
export type AmqpConnectionState = 'connecting' | 'open' | 'blocked' | 'reconnecting' | 'closed';

/** How one of the two connections of a name is doing. */
export class ConnectionStatus {
  /** Why it is not open, in words. */
  reason: string | undefined;
  private readonly changes = new BehaviorSubject<AmqpConnectionState>('connecting');
  /** The state now, then every change. */
  readonly changes$: Observable<AmqpConnectionState> = this.changes.asObservable();

  get state(): AmqpConnectionState {
    return this.changes.value;
  }

  set(state: AmqpConnectionState, reason?: string): void {
    this.reason = reason;
    if (state !== this.state) this.changes.next(state);
  }

  /** Nothing changes any more. */
  complete(): void {
    this.changes.complete();
  }
}
