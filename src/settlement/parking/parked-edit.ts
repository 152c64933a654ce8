import { Buffer } from 'node:buffer';
import { ConfigurationError, type Delivery, type FieldTable } from '../../../lib/client/index.js';
import { refuseUnknown } from '../../common/known-options.js';
import { checkValues, OBJECT } from '../../common/option-values.js';
import { namesOf } from '../../../lib/option-names/index.js';
import type { MessageSerializers } from '../../serialization/message-serializers.js';
import { isBytes } from '../../serialization/payload-kinds.js';
import { DELIVERY_HEADERS } from '../retry/forwarded-properties.js';
import { isHistory } from '../retry/original-properties.js';

/**
 * Changes of a parked message that is sent back. Whatever they do not name stays as it is.
 *
 * @publicApi
 */
export interface ParkedEdit {
  /**
   * Another payload, which is encoded for the content type of the message and not compressed. Bytes become the body unchanged.
   * Default: the body stays.
   */
  readonly payload?: unknown;
  /**
   * Headers to set; `undefined` removes one. The others stay byte for byte. The history of the message, the headers of the broker,
   * and `CC` and `BCC`, which name further queues, cannot be changed.
   */
  readonly headers?: FieldTable;
}

/** The parts of a delivery that a copy of it has. */
export type Content = Pick<Delivery, 'body' | 'properties' | 'encodedHeaders'>;

const WHERE = 'ParkingLot: edit';
const KNOWN = namesOf({ payload: 0, headers: 0 } satisfies Record<keyof ParkedEdit, 0>);

/** Returns true for a header that an edit may set or remove. */
export const isEditable = (header: string): boolean =>
  !isHistory(header) && !DELIVERY_HEADERS.includes(header) && header !== 'CC' && header !== 'BCC';

/**
 * Returns what is sent in place of the message.
 *
 * @param edit undefined to send it as it is
 * @throws ConfigurationError for a wrong edit; SerializationError for a payload that cannot be encoded
 */
export function edited(delivery: Delivery, edit: ParkedEdit | undefined, serializers: MessageSerializers): Content {
  if (edit === undefined) return delivery;
  refuseUnknown(WHERE, edit, KNOWN);
  checkValues(WHERE, edit, { headers: OBJECT });
  const { payload, headers = {} } = edit;
  const fixed = Object.keys(headers).find((name) => !isEditable(name));
  if (fixed !== undefined) throw new ConfigurationError(`${WHERE}: the header '${fixed}' cannot be changed`);
  return {
    ...(payload === undefined ? contentOf(delivery) : withPayload(delivery, payload, serializers)),
    get encodedHeaders() {
      return { ...delivery.encodedHeaders, ...headers } as Content['encodedHeaders'];
    },
  };
}

const contentOf = ({ body, properties }: Delivery) => ({ body, properties });

function withPayload({ properties }: Delivery, payload: unknown, serializers: MessageSerializers) {
  const { contentEncoding: _, ...others } = properties;
  const { body, contentType } = serializers.encode(payload, properties.contentType);
  // A consumer looks at the bytes of a message without a content type.
  const named = isBytes(payload) ? others : { ...others, contentType };
  return { body: Buffer.from(body.buffer, body.byteOffset, body.length), properties: named };
}
