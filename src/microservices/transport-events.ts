import { EventEmitter } from 'node:events';
import type { Connection } from '../../lib/client/index.js';

/**
 * What `status` of a server or client tells.
 *
 * @publicApi
 */
export type AmqpStatus = 'connected' | 'disconnected' | 'blocked' | 'unblocked';

/**
 * What `on()` of a server or client takes, as with `Transport.RMQ`.
 *
 * @publicApi
 */
export type AmqpTransportEvents = {
  /** It cannot go on: the connection has given up, or the consumer is gone for good. */
  error: (error: Error) => void;
  /** Connected, and connected again: consumers are back. */
  connect: () => void;
  /** Lost; it reconnects. */
  disconnect: (event: { readonly err: Error }) => void;
  /** The broker takes no messages for now (https://www.rabbitmq.com/docs/connection-blocked). */
  blocked: (event: { readonly reason: string }) => void;
  unblocked: () => void;
};

/** Tells of a connection, by event and as status. Listeners may come before there is one, and stay when it is replaced. */
export class TransportEvents {
  private readonly emitter = new EventEmitter();
  private forget: (() => void) | undefined;

  constructor(private readonly onStatus: (status: AmqpStatus) => void) {}

  on<E extends keyof AmqpTransportEvents>(event: E, listener: AmqpTransportEvents[E]): void {
    this.emitter.on(event, listener);
  }

  /** Begins to listen; `connected()` follows once all is set up. */
  watch(connection: Connection): void {
    this.unwatch();
    const onDisconnected = (err: Error): void => this.tell('disconnected', 'disconnect', { err });
    const onReconnected = (): void => this.connected();
    const onBlocked = (reason: string): void => this.tell('blocked', 'blocked', { reason });
    const onUnblocked = (): void => this.tell('unblocked', 'unblocked');
    const onClosed = (error: Error | undefined): void => {
      this.disconnected();
      if (error) this.failed(error);
    };
    connection
      .on('disconnected', onDisconnected)
      .on('reconnected', onReconnected)
      .on('blocked', onBlocked)
      .on('unblocked', onUnblocked)
      .on('closed', onClosed);
    this.forget = () => {
      connection
        .off('disconnected', onDisconnected)
        .off('reconnected', onReconnected)
        .off('blocked', onBlocked)
        .off('unblocked', onUnblocked)
        .off('closed', onClosed);
    };
  }

  connected(): void {
    this.tell('connected', 'connect');
  }

  /** It does not go on by itself. Without a listener nothing happens: an `error` that nobody awaits would end the process. */
  failed(error: Error): void {
    if (this.emitter.listenerCount('error') > 0) this.emitter.emit('error', error);
  }

  disconnected(): void {
    this.onStatus('disconnected');
  }

  unwatch(): void {
    this.forget?.();
    this.forget = undefined;
  }

  private tell(status: AmqpStatus, event: keyof AmqpTransportEvents, ...args: unknown[]): void {
    this.onStatus(status);
    this.emitter.emit(event, ...args);
  }
}
