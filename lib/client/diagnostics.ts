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

/** `nest-amqp:confirm-time`: the time to the confirm of some publishes; {@link ConfirmTime}. */
export const confirmTimes = channel('nest-amqp:confirm-time');

/**
 * The message of `nest-amqp:confirm-time`: one publish that the broker has confirmed, of some that a `Sampler` chose. While nobody
 * subscribes none is chosen.
 */
export interface ConfirmTime {
  /** The broker of the channel; undefined if the channel has lost it by now. */
  readonly peer: BrokerPeer | undefined;
  /** From the call of `publish()` to the confirm, in ms. */
  readonly ms: number;
  /** Number of publishes that this one stands for, so that sums and quantiles with these weights are right on average. */
  readonly weight: number;
}

/** The message of the diagnostics channel `nest-amqp:connect`: a connection is open. */
export interface ConnectMessage {
  /** `host:port` */
  readonly address: string;
  /** The option `connectionName`. */
  readonly connectionName: string | undefined;
}

/** The message of the diagnostics channel `nest-amqp:publish`: a message was handed to the connection. */
export interface PublishMessage {
  /** The exchange; `''` is the default exchange. */
  readonly exchange: string;
  /** The routing key. */
  readonly routingKey: string;
  /** The properties and options of the publish. */
  readonly properties: object;
  /** Size of the body in bytes. */
  readonly size: number;
}

/** The message of the diagnostics channel `nest-amqp:confirm`: the broker has answered a publish. */
export interface ConfirmMessage extends PublishMessage {
  /** `ack`: the broker has the message; `nack`: it could not take it; `return`: no queue is bound for it. */
  readonly outcome: 'ack' | 'nack' | 'return';
}

/** The message of the diagnostics channel `nest-amqp:heartbeat`: a timer of the heartbeat has fired. */
export interface HeartbeatMessage {
  /** The broker of the connection. */
  readonly peer: BrokerPeer;
  /** The negotiated interval in ms. The timers fire at least every two intervals, usually every half interval. */
  readonly interval: number;
  /** ms by which the timer fired late, because the event loop was busy with other work. */
  readonly delay: number;
}
