import { BehaviorSubject, type Observable } from 'rxjs';

/**
 * The state of a connection. `connecting`: not open yet. `open`: working. `blocked`: the broker accepts no publishes
 * for now (https://www.rabbitmq.com/docs/connection-blocked). `reconnecting`: lost and being opened again. `closed`:
 * closed for good.
 *
 * @publicApi
 */
export type AmqpConnectionState = 'connecting' | 'open' | 'blocked' | 'reconnecting' | 'closed';

/** The state of one of the two connections of a name. */
export class ConnectionStatus {
  /** The reason why it is not open, or will be lost when its credentials expire, as text. */
  reason: string | undefined;
  private readonly changes = new BehaviorSubject<AmqpConnectionState>('connecting');
  /** Emits the current state, then each change. */
  readonly changes$: Observable<AmqpConnectionState> = this.changes.asObservable();

  get state(): AmqpConnectionState {
    return this.changes.value;
  }

  /** The reason why it is not open, as text. */
  get away(): string | undefined {
    return this.state === 'connecting' || this.state === 'reconnecting' ? this.reason : undefined;
  }

  set(state: AmqpConnectionState, reason?: string): void {
    this.reason = reason;
    if (state !== this.state) this.changes.next(state);
  }

  /** Completes the stream. */
  complete(): void {
    this.changes.complete();
  }
}
