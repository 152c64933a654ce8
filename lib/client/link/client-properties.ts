import { ByteWriter, shortstrSize } from '../../protocol/bytes.js';
import { EncodingError } from '../../protocol/errors.js';
import { writeTable, type FieldTable } from '../../protocol/field-table.js';
import { PRODUCT_VERSION } from '../../protocol/product.js';
import { FRAME_MIN_SIZE } from '../../protocol/spec.js';
import { ConfigurationError } from '../errors.js';

/** The options that a handshake sends as they are. */
interface Described {
  readonly connectionName?: string | undefined;
  readonly clientProperties?: FieldTable | undefined;
  readonly vhost?: string | undefined;
}

/** Size in bytes of the largest first frame without header and end: no larger one has been negotiated yet. */
const FIRST_FRAME_MAX = FRAME_MIN_SIZE - 8;

/** The client's description of itself in connection.start-ok (section 1.4.2.2). */
export function clientProperties({ connectionName, clientProperties: own }: Described): FieldTable {
  return {
    product: 'nest-amqp',
    version: PRODUCT_VERSION,
    platform: `Node.js ${process.version}`,
    ...(connectionName === undefined ? {} : { connection_name: connectionName }),
    ...own,
    capabilities: {
      publisher_confirms: true,
      exchange_exchange_bindings: true,
      'basic.nack': true,
      consumer_cancel_notify: true,
      'connection.blocked': true,
      authentication_failure_close: true,
    },
  };
}

/**
 * Refuses values that no handshake could send. The login needs some more bytes of the first frame: what exceeds it with
 * the login is refused by the handshake.
 *
 * @throws ConfigurationError
 */
export function checkClientProperties(options: Described): void {
  const writer = new ByteWriter();
  try {
    if (options.vhost !== undefined) shortstrSize(options.vhost, 'vhost');
    writeTable(writer, clientProperties(options), 'clientProperties');
  } catch (error) {
    if (error instanceof EncodingError) throw new ConfigurationError(error.message, { cause: error });
    throw error;
  }
  if (writer.length <= FIRST_FRAME_MAX) return;
  throw new ConfigurationError(
    `connectionName and clientProperties have ${writer.length} bytes; the first frame of a connection has ${FIRST_FRAME_MAX} at most`,
  );
}
