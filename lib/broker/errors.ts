import { replyCodes, type ReplyCodeName } from '../protocol/spec.js';
import { AmqpError } from '../protocol/errors.js';

/**
 * A mistake of a client. Code that carries out a method throws it; the channel or the connection is closed with it,
 * as the specification says for its code (section 1.2), and with RabbitMQ's words: `NOT_FOUND - no queue 'x' in vhost '/'`.
 */
export class BrokerError extends AmqpError {
  static {
    this.prototype.name = 'BrokerError';
  }

  readonly replyCode: number;
  readonly scope: 'channel' | 'connection';
  readonly replyText: string;

  constructor(
    readonly replyName: ReplyCodeName,
    text: string,
  ) {
    super(`${replyName} - ${text}`);
    const { code, scope } = replyCodes[replyName];
    this.replyCode = code;
    this.scope = scope;
    this.replyText = shortText(this.message);
  }
}

/** Shortens a reply text to the length of a short string. */
function shortText(text: string): string {
  let bytes = 0;
  let end = 0;
  for (const character of text.toWellFormed()) {
    bytes += Buffer.byteLength(character);
    if (bytes > 255) break;
    end += character.length;
  }
  return text.toWellFormed().slice(0, end);
}

export function notFound(kind: 'queue' | 'exchange', name: string, vhost: string): BrokerError {
  return new BrokerError('NOT_FOUND', `no ${kind} '${name}' in vhost '${vhost}'`);
}

export function preconditionFailed(text: string): BrokerError {
  return new BrokerError('PRECONDITION_FAILED', text);
}

export function accessRefused(text: string): BrokerError {
  return new BrokerError('ACCESS_REFUSED', text);
}

export function notImplemented(text: string): BrokerError {
  return new BrokerError('NOT_IMPLEMENTED', text);
}

/** Creates the error for an entity that exists with another value of `argument`. */
export function inequivalent(
  argument: string,
  kind: 'queue' | 'exchange',
  name: string,
  vhost: string,
  difference: string,
): BrokerError {
  return preconditionFailed(`inequivalent arg '${argument}' for ${kind} '${name}' in vhost '${vhost}': ${difference}`);
}
