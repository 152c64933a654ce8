/**
 * The operations that the benchmark needs of a client. Each client has one small adapter, which uses the client in its fastest
 * way.
 */
export interface Adapter {
  open(url: string): Promise<Session>;
}

export interface Session {
  openChannel(options: ChannelSettings): Promise<Channel>;
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
