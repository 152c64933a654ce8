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

/**
 * The mechanism PLAIN: name and password (RFC 4616). It is the default.
 *
 * @example
 * ```ts
 * await connect('amqps://rabbit', { mechanisms: [plain({ username: 'billing', password })] });
 * ```
 *
 * @throws ConfigurationError for a name or password that is not a string
 */
export function plain(credentials: Credentials): SaslMechanism {
  checkCredentials('plain', credentials);
  const { username, password } = credentials;
  return { name: 'PLAIN', initialResponse: (secret = password) => Buffer.from(`\0${username}\0${secret}`) };
}

/**
 * The mechanism AMQPLAIN: name and password as a field table without its length. It is AMQP's own
 * (https://www.rabbitmq.com/docs/access-control#mechanisms).
 *
 * @throws ConfigurationError for a name or password that is not a string
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

/**
 * The mechanism EXTERNAL: the client certificate is the identity
 * (https://www.rabbitmq.com/docs/access-control#mechanisms). RabbitMQ needs the plugin rabbitmq-auth-mechanism-ssl.
 *
 * @example
 * ```ts
 * await connect('amqps://rabbit', { mechanisms: [external()], tls: { ca, cert, key } });
 * ```
 */
export function external(): SaslMechanism {
  return { name: 'EXTERNAL', initialResponse: () => Buffer.alloc(0) };
}
