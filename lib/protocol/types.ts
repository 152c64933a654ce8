import type { FieldKind, methods, properties } from './spec.js';
import type { FieldTable } from './field-table.js';

/** The TypeScript type of each wire type. A longlong is exact up to 2^53, which delivery tags do not exceed. */
interface KindTypes {
  octet: number;
  short: number;
  long: number;
  longlong: number;
  timestamp: Date;
  shortstr: string;
  longstr: Uint8Array;
  table: FieldTable;
  bit: boolean;
}

type Methods = typeof methods;

/** `'queue.declare'`, `'basic.deliver'`, … */
export type MethodName = keyof Methods;

/** The arguments of a method, without the reserved ones. */
export type MethodArguments<N extends MethodName> = {
  -readonly [
    K in keyof Methods[N]['args'] as K extends `reserved${string}` ? never : K
  ]: Methods[N]['args'][K] extends FieldKind ? KindTypes[Methods[N]['args'][K]] : never;
};

/** A method as read from the wire: `name` tells which arguments it has. */
export type Method = { [N in MethodName]: { readonly name: N; readonly args: MethodArguments<N> } }[MethodName];

/** The methods that answer `N`. */
export type ReplyOf<N extends MethodName> = Methods[N] extends { readonly reply: readonly (infer R)[] }
  ? Extract<R, MethodName>
  : never;

/** Methods that wait for an answer. */
export type SynchronousMethod = { [N in MethodName]: ReplyOf<N> extends never ? never : N }[MethodName];

/** The properties of a message (class basic), every one optional. */
export type MessageProperties = { [K in keyof typeof properties]?: KindTypes[(typeof properties)[K]] | undefined };

/** The properties of a message to send: those of a received one, with a wider type for two of them. */
export interface OutgoingProperties extends Omit<MessageProperties, 'headers' | 'expiration'> {
  /** A plain object whose values are `FieldValue`s; any other value is an `EncodingError`. */
  readonly headers?: object | undefined;
  /**
   * Longest time in the queue (https://www.rabbitmq.com/docs/ttl), ms: a whole number from 0 to 4,294,967,295, or text of
   * digits only. Default: that of the queue.
   */
  readonly expiration?: string | number | undefined;
}

/** The arguments and the content of a basic.publish. */
export interface OutgoingMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly mandatory: boolean;
  readonly properties: OutgoingProperties;
  readonly body: Uint8Array;
}
