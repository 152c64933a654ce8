import { Buffer, isUtf8 } from 'node:buffer';
import { types } from 'node:util';
import type { FieldTable } from '../../../lib/client/index.js';
import { isEditable, type ParkedEdit } from '../../settlement/parking/parked-edit.js';
import type { ParkedMessage } from '../../settlement/parking/parked-message.js';
import type { MessageSerializers } from '../../serialization/message-serializers.js';
import { describeError, inLog } from '../../common/log-text.js';
import { BoardRequestError } from '../board.errors.js';
import type { QueueAddress } from './queue-address.js';

/** Largest body that is edited, in bytes: by default, Nest on Express accepts requests of up to 100 KB. */
const MAX_EDITED = 65_536;

/** The parts of a message that the page offers to edit: the body as text, and the headers whose values are texts. */
export interface Editable {
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Why a message cannot be edited. */
export interface NotEditable {
  readonly refused: string;
}

/** A change that the page sends. */
export interface TextEdit {
  /** Undefined to keep the body. */
  readonly text: string | undefined;
  /** New values; null removes a header. */
  readonly headers: Readonly<Record<string, string | null>>;
}

/** Checks what users change in parked messages. A message is edited as the text of its body, so that nothing else of it changes. */
export class Edits {
  /** @param serializersOf called with the name of a connection */
  constructor(private readonly serializersOf: (connection: string) => MessageSerializers) {}

  offer({ connection }: QueueAddress, { headers, body, properties, payload }: ParkedMessage): Editable | NotEditable {
    let plain;
    try {
      plain = this.serializersOf(connection).plainNow(body, properties);
    } catch (error) {
      return { refused: `Its payload cannot be decompressed: ${describeError(error)}` };
    }
    if (plain.length > MAX_EDITED) return { refused: `Its payload has more than ${MAX_EDITED / 1_024} KB.` };
    const isBytes = !isUtf8(plain) || (types.isUint8Array(payload) && plain.includes(0));
    if (isBytes) return { refused: 'Its payload is not text.' };
    const texts = Object.entries(headers).filter(([name, value]) => typeof value === 'string' && isEditable(name));
    return { text: plain.toString(), headers: Object.fromEntries(texts) as Record<string, string> };
  }

  /**
   * Returns what is sent in place of the message.
   *
   * @throws BoardRequestError if it cannot be edited, if nothing differs, or if no consumer could decode the new text
   */
  async of(address: QueueAddress, message: ParkedMessage, { text, headers }: TextEdit): Promise<ParkedEdit> {
    const before = this.offer(address, message);
    if ('refused' in before) throw new BoardRequestError(409, `The message cannot be edited. ${before.refused}`);
    const table = changedHeaders(message, before.headers, headers);
    if (text !== undefined && text !== before.text) {
      await this.expectReadable(address, message, text, before.text);
      return { payload: Buffer.from(text), headers: table };
    }
    if (Object.keys(table).length === 0) throw new BoardRequestError(400, 'Nothing was changed.');
    return { headers: table };
  }

  private async expectReadable({ connection }: QueueAddress, message: ParkedMessage, text: string, before: string) {
    const { contentEncoding: _, ...properties } = message.properties;
    let decoded;
    try {
      decoded = await this.serializersOf(connection).decode(Buffer.from(text), properties);
    } catch (error) {
      throw new BoardRequestError(400, `The handler could not read this payload: ${describeError(error)}`);
    }
    // The new body is UTF-8, and the content type may name another charset.
    if (message.payload === before && decoded !== text) {
      throw new BoardRequestError(400, 'The charset of the message does not have each of these characters.');
    }
  }
}

/** Returns the headers that differ; a removed one is undefined. */
function changedHeaders(message: ParkedMessage, before: Editable['headers'], wanted: TextEdit['headers']): FieldTable {
  const textOf = (name: string): string | null => (Object.hasOwn(before, name) ? before[name]! : null);
  const changed = Object.entries(wanted).filter(([name, value]) => textOf(name) !== value);
  for (const [name] of changed) {
    if (!isEditable(name)) throw new BoardRequestError(400, `The header '${name}' cannot be edited.`);
    if (textOf(name) === null && Object.hasOwn(message.headers, name)) {
      throw new BoardRequestError(400, `The value of the header '${name}' is not text.`);
    }
  }
  return Object.fromEntries(changed.map(([name, value]) => [name, value ?? undefined]));
}

/** Returns what an edit changes, for the log: never the payload, and no value of a header. */
export function describeEdit({ payload, headers = {} }: ParkedEdit): string {
  const names = Object.keys(headers).map((name) => `'${name}'`);
  const parts = [
    payload === undefined ? '' : 'another payload',
    names.length === 0 ? '' : `${names.length === 1 ? 'another header' : 'other headers'} ${names.join(', ')}`,
  ];
  return inLog(parts.filter(Boolean).join(' and '));
}
