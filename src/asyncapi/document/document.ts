import type { JsonSchema } from '../../contracts/json-schema/draft-07.js';

/** A reference to another object of the document. */
export interface Reference {
  readonly $ref: string;
}

/** A Server Object: a broker. */
export interface ServerObject {
  readonly host: string;
  readonly protocol: 'amqp' | 'amqps';
  readonly protocolVersion: string;
  /** The virtual host, after a slash. */
  readonly pathname?: string;
  readonly description?: string;
}

/** A Channel Object: the routing key of an exchange, or a queue. */
export interface ChannelObject {
  readonly address: string | null;
  readonly title?: string;
  readonly description?: string;
  readonly servers?: readonly Reference[];
  readonly messages: Record<string, Reference>;
  readonly tags?: readonly { readonly name: string }[];
  readonly bindings?: object;
  readonly 'x-nest-amqp'?: object;
}

/** An Operation Object: what the application sends, or a handler of what it receives. */
export interface OperationObject {
  readonly action: 'send' | 'receive';
  readonly channel: Reference;
  readonly title?: string;
  readonly messages?: readonly Reference[];
  readonly reply?: {
    readonly address: { readonly location: string };
    readonly channel: Reference;
    readonly messages: readonly Reference[];
  };
  readonly bindings?: object;
  readonly 'x-nest-amqp'?: object;
}

/** The extension of a message, by which `--check` finds the same message in two documents. */
export interface MessageIdentity {
  readonly part: 'event' | 'request' | 'reply';
  /** The name of the event or request, or of the handler if there is no contract. */
  readonly event: string;
  /** The exchange to which publishers send it. Undefined if only the queue is known. */
  readonly exchange?: string;
  readonly routingKey?: string;
  readonly headers?: Readonly<Record<string, number>>;
  readonly queue?: string;
}

/** A Message Object. */
export interface MessageObject {
  readonly name: string;
  readonly title?: string;
  readonly summary?: string;
  readonly payload?: JsonSchema;
  readonly headers?: JsonSchema;
  readonly correlationId?: { readonly location: string };
  readonly 'x-nest-amqp': MessageIdentity;
}

/**
 * A document of AsyncAPI 3 (https://www.asyncapi.com/docs/reference/specification/v3.0.0).
 *
 * @publicApi
 */
export interface AsyncApiDocument {
  readonly asyncapi: '3.0.0';
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly defaultContentType: string;
  readonly servers: Readonly<Record<string, ServerObject>>;
  readonly channels: Readonly<Record<string, ChannelObject>>;
  readonly operations: Readonly<Record<string, OperationObject>>;
  readonly components: {
    readonly messages: Readonly<Record<string, MessageObject>>;
    readonly schemas: Readonly<Record<string, JsonSchema>>;
  };
}
