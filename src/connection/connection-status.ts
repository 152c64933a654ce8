import { BehaviorSubject, type Observable } from 'rxjs';

/**
 * `connecting`: not there yet. `open`: all is well. `blocked`: the broker takes no publishes for now
 * (https://www.rabbitmq.com/docs/connection-blocked). `reconnecting`: lost, and being opened again. `closed`: for good.
 *
 * @publicApi
 */
export type ConnectionState = 'connecting' | 'open' | 'blocked' | 'reconnecting' | 'closed';

/** How one of the two connections of a name is doing. */
export class ConnectionStatus {
  /** Why it is not open, in words. */
  reason: string | undefined;
  private readonly changes = new BehaviorSubject<ConnectionState>('connecting');
  /** The state now, then every change. */
  readonly changes$: Observable<ConnectionState> = this.changes.asObservable();

  get state(): ConnectionState {
    return this.changes.value;
  }

  set(state: ConnectionState, reason?: string): void {
    this.reason = reason;
    if (state !== this.state) this.changes.next(state);
  }

  /** Nothing changes any more. */
  complete(): void {
    this.changes.complete();
  }
}
