import { tracingChannel, type TracingChannel } from 'node:diagnostics_channel';

/**
 * Publishes operations of the client on Node's tracing channels (`diagnostics_channel.tracingChannel`), from their
 * start to their outcome, for traces and metrics. Each event of an operation has the same message object:
 *
 *     start ─▶ end ─────────────▶ (error) ─▶ asyncStart ─▶ asyncEnd
 *     begun    the call returned   it failed   its outcome is known: always, and once
 *
 * `start` is published with `runStores`, so the operation runs in the stores that are bound to it. Without subscribers
 * nothing is allocated. docs/observability.md lists the messages.
 */
export const tracing = {
  /** One search for a broker; `ConnectTrace`. */
  connect: tracingChannel('nest-amqp:connect'),
  /** One message, from the call of `publish()` to its outcome; `PublishTrace`. */
  publish: tracingChannel('nest-amqp:publish'),
  /** One handler call; `ProcessTrace`. */
  process: tracingChannel('nest-amqp:process'),
  /** One settlement of a delivery, from its call until it is handed to the connection; `SettleTrace`. */
  settle: tracingChannel('nest-amqp:settle'),
  /** One `basicGet()`, from its call to its answer; `ReceiveTrace`. */
  receive: tracingChannel('nest-amqp:receive'),
  /** A connection or a channel, from its loss until it is back; `RestoreTrace`. */
  restore: tracingChannel('nest-amqp:restore'),
  /** A connection that the broker has blocked, until it unblocks it; `BlockTrace`. */
  block: tracingChannel('nest-amqp:block'),
};

/*
 * The channels that every message asks for, as constants: the compiler folds the questions to constants. It does not
 * fold `hasSubscribers` of a tracing channel, which costs 1.5 % of a publish.
 */
const { start: publishStart, end: publishEnd, error: publishError } = tracing.publish;
const { asyncStart: publishAsyncStart, asyncEnd: publishAsyncEnd } = tracing.publish;
const { start: processStart, end: processEnd, error: processError } = tracing.process;
const { asyncStart: processAsyncStart, asyncEnd: processAsyncEnd } = tracing.process;
const { start: settleStart, end: settleEnd, error: settleError } = tracing.settle;
const { asyncStart: settleAsyncStart, asyncEnd: settleAsyncEnd } = tracing.settle;

/** Returns true if anybody subscribes to publishes. */
export function tracesPublishes(): boolean {
  return (
    publishStart.hasSubscribers ||
    publishAsyncEnd.hasSubscribers ||
    publishError.hasSubscribers ||
    publishEnd.hasSubscribers ||
    publishAsyncStart.hasSubscribers
  );
}

/** Returns true if anybody subscribes to handler calls. */
export function tracesProcesses(): boolean {
  return (
    processStart.hasSubscribers ||
    processAsyncEnd.hasSubscribers ||
    processError.hasSubscribers ||
    processEnd.hasSubscribers ||
    processAsyncStart.hasSubscribers
  );
}

/** Returns true if anybody subscribes to settlements. */
export function tracesSettlements(): boolean {
  return (
    settleStart.hasSubscribers ||
    settleAsyncEnd.hasSubscribers ||
    settleError.hasSubscribers ||
    settleEnd.hasSubscribers ||
    settleAsyncStart.hasSubscribers
  );
}

/** The broker that a connection is with. */
export interface BrokerPeer {
  /** Host name or IP address, as in the URI. */
  readonly host: string;
  /** TCP port. */
  readonly port: number;
  /** Name of the virtual host. */
  readonly vhost: string;
  /** The option `connectionName`. */
  readonly connectionName: string | undefined;
}

/** The message of `tracing:nest-amqp:connect:*`: one round over all hosts. */
export interface ConnectTrace {
  /** The option `connectionName`. */
  readonly connectionName: string | undefined;
  /** The broker that answered. Set from `asyncEnd` on, if the operation succeeded. */
  peer?: BrokerPeer;
  /** The error of the last host, if no host could be connected to. */
  error?: unknown;
}

/** The message of `tracing:nest-amqp:restore:*`: one connection or channel, from its loss until it is restored. */
export interface RestoreTrace {
  /** The lost part. A lost connection is reported once, not for each of its channels. */
  readonly kind: 'connection' | 'channel';
  /** The broker of the lost connection. */
  readonly peer: BrokerPeer | undefined;
  /** Number of the channel; undefined for a connection. */
  readonly channel: number | undefined;
  /** The error of the loss. */
  readonly cause: Error;
  /** The error because of which it was not restored. */
  error?: unknown;
}

/** The message of `tracing:nest-amqp:block:*`: the time while the broker blocks a connection. */
export interface BlockTrace {
  /** The broker of the connection. */
  readonly peer: BrokerPeer | undefined;
  /** The broker's reason, such as `low on memory`. */
  readonly reason: string;
  /** The error if the connection was lost meanwhile. */
  error?: unknown;
}

interface Failing {
  error?: unknown;
}

/** Runs the start of an operation. The caller reports its outcome by {@link succeed} or {@link fail}. */
export function begin<M extends object, R>(channel: TracingChannel, message: M, work: () => R): R {
  try {
    return channel.start.runStores(message, work);
  } finally {
    channel.end.publish(message);
  }
}

/** Reports the success of an operation. */
export function succeed(channel: TracingChannel, message: object): void {
  channel.asyncStart.publish(message);
  channel.asyncEnd.publish(message);
}

/** Reports the failure of an operation. */
export function fail(channel: TracingChannel, message: Failing, error: unknown): void {
  message.error = error;
  channel.error.publish(message);
  succeed(channel, message);
}

/** Runs an operation that ends within its call. @throws what `work` throws */
export function traceCall(channel: TracingChannel, message: Failing & object, work: () => void): void {
  try {
    begin(channel, message, work);
  } catch (error) {
    fail(channel, message, error);
    throw error;
  }
  succeed(channel, message);
}

/**
 * Runs a whole operation. The outcome of the promise is the outcome of the operation.
 *
 * @param onResult completes the message with the result before `asyncEnd`
 */
export function trace<M extends Failing & object, R>(
  channel: TracingChannel,
  message: M,
  work: () => Promise<R>,
  onResult: (message: M, result: R) => void,
): Promise<R> {
  return begin(channel, message, work).then(
    (result) => {
      onResult(message, result);
      succeed(channel, message);
      return result;
    },
    (error: unknown) => {
      fail(channel, message, error);
      throw error;
    },
  );
}
