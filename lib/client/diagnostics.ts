import { channel } from 'node:diagnostics_channel';
import type { BrokerPeer } from './tracing.js';

/**
 * Publishes the client's actions on Node's diagnostics channels, for tracing and metrics. A channel without subscribers
 * costs nothing: its messages are not built.
 *
 * | channel             | message                                                    |
 * |---------------------|------------------------------------------------------------|
 * | `nest-amqp:connect` | `ConnectMessage`: a link is open                           |
 * | `nest-amqp:publish` | `PublishMessage`: handed to the connection                 |
 * | `nest-amqp:confirm` | `ConfirmMessage`: the broker's ack, nack or return         |
 * | `nest-amqp:deliver` | `DeliverMessage`: before the handler runs                  |
 * | `nest-amqp:settle`  | `SettleMessage`: acked, nacked or rejected by this process |
 * | `nest-amqp:heartbeat` | `HeartbeatMessage`: a timer of the heartbeat fired           |
 */
export const diagnostics = {
  connect: channel('nest-amqp:connect'),
  publish: channel('nest-amqp:publish'),
  confirm: channel('nest-amqp:confirm'),
  deliver: channel('nest-amqp:deliver'),
  settle: channel('nest-amqp:settle'),
  heartbeat: channel('nest-amqp:heartbeat'),
};

export interface ConnectMessage {
  /** `host:port` */
  readonly address: string;
  readonly connectionName: string | undefined;
}

export interface PublishMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly properties: object;
  /** Bytes. */
  readonly size: number;
}

export interface ConfirmMessage extends PublishMessage {
  readonly outcome: 'ack' | 'nack' | 'return';
}

export interface HeartbeatMessage {
  readonly peer: BrokerPeer;
  /** The negotiated interval in ms. The timers fire at least every two intervals, usually every half interval. */
  readonly interval: number;
  /** ms by which the timer fired late. So long was the event loop busy with other work. */
  readonly delay: number;
}
