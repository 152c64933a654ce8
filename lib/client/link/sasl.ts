import { ByteWriter } from '../../protocol/bytes.js';
import { writeTable } from '../../protocol/field-table.js';
import { checkCredentials, type Credentials } from './credentials.js';

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

/** RFC 4616. @throws ConfigurationError for a name or password that is no string */
export function plain(credentials: Credentials): SaslMechanism {
  checkCredentials('plain', credentials);
  const { username, password } = credentials;
  return { name: 'PLAIN', initialResponse: (secret = password) => Buffer.from(`\0${username}\0${secret}`) };
}

/**
 * Name and password as a field table without its length: AMQP's own. @throws ConfigurationError for a name or password
 * that is no string
 */
export function amqplain(credentials: Credentials): SaslMechanism {
  checkCredentials('amqplain', credentials);
  const { username, password } = credentials;
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
