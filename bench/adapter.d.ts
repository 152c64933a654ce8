/**
 * The operations that the benchmark needs of a client. Each client has one small adapter, which uses the client in its fastest
 * way.
 */
export interface Adapter {
  open(url: string): Promise<Session>;
}

export interface Session {
  openChannel(options: ChannelSettings): Promise<Channel>;
  /**
   * Serves requests of `queue` in this process with `onRequest`, whose result is the reply. Returns a function that sends one
   * request and calls `answered` on its reply; any other outcome ends the process. Only Nest's levels have it.
   */
  openRequests?(queue: string, onRequest: (payload: object) => unknown): Promise<(answered: () => void) => void>;
  /** Ends the connection, with an orderly close where that is quick. */
  close(): Promise<void>;
}

export interface ChannelSettings {
  readonly confirm: boolean;
  /** 0 for no limit. */
  readonly prefetch: number;
  /** The most publishes that the benchmark keeps unconfirmed. */
  readonly unconfirmed: number;
}

export interface Channel {
  /** Publishes a message. Returns a promise to await before the next batch, if there is one. */
  publish(exchange: string, routingKey: string, body: Buffer): Promise<unknown> | undefined;
  /** Publishes a message and calls `confirmed` on the broker's ack; any other outcome ends the process. */
  publishConfirmed(exchange: string, routingKey: string, body: Buffer, confirmed: () => void): void;
  /** Calls `onMessage` with every body, then acks the message unless `noAck`. */
  consume(queue: string, noAck: boolean, onMessage: (body: Uint8Array) => void): Promise<unknown>;
  /** Makes one round trip: when it resolves, the broker has every message that was published before. */
  sync(): Promise<unknown>;
}

/** Starts applications. */
export interface AppAdapter {
  /** Starts an application that declares the queues and consumes from each. Resolves when all consumers consume. */
  start(url: string, queues: readonly string[]): Promise<unknown>;
}
