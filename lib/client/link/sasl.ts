import { ByteWriter } from '../../protocol/bytes.js';
import { writeTable } from '../../protocol/field-table.js';
import type { Credentials } from './credentials.js';

/** One way to log in (section 4.4.1 of the specification; RFC 4422). */
export interface SaslMechanism {
  /** Its name in the broker's list, such as `PLAIN`. */
  readonly name: string;
  /**
   * Returns the first response, which is sent in start-ok.
   *
   * @param secret the secret of the last `updateSecret()`; undefined before the first one
   */
  initialResponse(secret?: string): Uint8Array;
  /** Answers a challenge of `connection.secure`. Without it a challenge fails the login. */
  respond?(challenge: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** RFC 4616. */
export function plain({ username, password }: Credentials): SaslMechanism {
  return { name: 'PLAIN', initialResponse: (secret = password) => Buffer.from(`\0${username}\0${secret}`) };
}

/** Name and password as a field table without its length: AMQP's own. */
export function amqplain({ username, password }: Credentials): SaslMechanism {
  return {
    name: 'AMQPLAIN',
    initialResponse: (secret = password) => {
      const writer = new ByteWriter();
      writeTable(writer, { LOGIN: username, PASSWORD: secret }, 'credentials');
      return writer.view().subarray(4);
    },
  };
}

/** The identity is the client certificate (https://www.rabbitmq.com/docs/ssl#peer-verification). */
export function external(): SaslMechanism {
  return { name: 'EXTERNAL', initialResponse: () => Buffer.alloc(0) };
}
