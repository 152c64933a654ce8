/** What a client has to be able to do for the benchmark; one small adapter each, the client's own best way to do it. */
export interface Adapter {
  open(url: string): Promise<Session>;
}

export interface Session {
  openChannel(options: ChannelSettings): Promise<Channel>;
  /** Ends it, politely where that is quick. */
  close(): Promise<void>;
}

export interface ChannelSettings {
  readonly confirm: boolean;
  /** 0: no limit. */
  readonly prefetch: number;
  /** The benchmark keeps no more than this unconfirmed. */
  readonly unconfirmed: number;
}

export interface Channel {
  /** Returns what to wait for before the next batch, if anything. */
  publish(exchange: string, routingKey: string, body: Buffer): Promise<unknown> | undefined;
  /** Calls `confirmed` on the broker's ack of this message; any other outcome ends the process. */
  publishConfirmed(exchange: string, routingKey: string, body: Buffer, confirmed: () => void): void;
  /** Calls `onMessage` with every body, and acks it then, unless `noAck`. */
  consume(queue: string, noAck: boolean, onMessage: (body: Uint8Array) => void): Promise<unknown>;
  /** One round trip: what was published before is the broker's. */
  sync(): Promise<unknown>;
}
