import { Buffer, isUtf8 } from 'node:buffer';
import type { ParkedMessage } from '../../settlement/parking/parked-message.js';
import type { Editable, NotEditable } from './edits.js';
import { keyOf } from './failure-group.js';

/** Maximum characters of a payload that are shown. */
const MAX_PAYLOAD = 200_000;

/** The payload as text. */
export interface ShownPayload {
  /** `undecodable`: the serializers refuse the body. `bytes`: base64. */
  readonly kind: 'json' | 'text' | 'bytes' | 'undecodable';
  readonly text: string;
  /** True if the text is cut. */
  readonly cut: boolean;
  /** Size of the body in bytes. */
  readonly size: number;
}

/** Everything about one parked message. */
export interface WholeMessage {
  readonly key: string;
  readonly message: Readonly<Record<string, unknown>>;
  readonly payload: ShownPayload;
  /** Undefined if messages must not be edited. */
  readonly edit: Editable | NotEditable | undefined;
}

export function wholeMessage(message: ParkedMessage, edit: WholeMessage['edit']): WholeMessage {
  const { payload: _, body: __, ...shown } = message.toJSON();
  return { key: keyOf(message), message: shown, payload: shownPayload(message), edit };
}

function shownPayload(message: ParkedMessage): ShownPayload {
  const { payload, body } = message;
  if (payload === undefined) return cut('undecodable', textOf(body), body.length);
  if (typeof payload === 'string') return cut('text', payload, body.length);
  if (payload instanceof Uint8Array) return cut(isUtf8(payload) ? 'text' : 'bytes', textOf(payload), body.length);
  return cut('json', JSON.stringify(message.toJSON()['payload'], undefined, 2), body.length);
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString(isUtf8(bytes) ? 'utf8' : 'base64');

function cut(kind: ShownPayload['kind'], text: string, size: number): ShownPayload {
  return { kind, text: text.slice(0, MAX_PAYLOAD), cut: text.length > MAX_PAYLOAD, size };
}
