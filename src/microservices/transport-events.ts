import { EventEmitter } from 'node:events';
import type { Connection } from '../../lib/client/index.js';

/**
 * The values of `status` of a server or client.
 *
 * @publicApi
 */
export type AmqpStatus = 'connected' | 'disconnected' | 'blocked' | 'unblocked';

/**
 * The events of `on()` of a server or client, as with `Transport.RMQ`.
 *
 * @publicApi
 */
export type AmqpTransportEvents = {
  /** The server or client cannot continue: the connection has given up, or the consumer has ended for good. */
  error: (error: Error) => void;
  /** Connected, also after a reconnect: consumers are restored. */
  connect: () => void;
  /** The connection is lost; the client reconnects. */
  disconnect: (event: { readonly err: Error }) => void;
  /** The broker accepts no publishes for now (https://www.rabbitmq.com/docs/connection-blocked). */
  blocked: (event: { readonly reason: string }) => void;
  unblocked: () => void;
};

/**
 * Reports the state of a connection by events and as a status. Listeners can be added before the connection exists, and
 * stay when it is replaced.
 */
export class TransportEvents {
  private readonly emitter = new EventEmitter();
  private forget: (() => void) | undefined;

  constructor(private readonly onStatus: (status: AmqpStatus) => void) {}

  on<E extends keyof AmqpTransportEvents>(event: E, listener: AmqpTransportEvents[E]): void {
    this.emitter.on(event, listener);
  }

  /** Starts to listen to a connection; `connected()` is called when everything is set up. */
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

  /**
   * Reports a final error. Without a listener nothing is emitted, since an unhandled `error` event would end the
   * process.
   */
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
