import { Buffer } from 'node:buffer';
import type { CanActivate, ModuleMetadata, Type } from '@nestjs/common';
import { ConfigurationError } from '../../lib/client/index.js';
import { systemClock } from '../../lib/environment/index.js';
import { namesOf } from '../../lib/option-names/index.js';
import { pagePath } from '../common/http/page-path.js';
import { refuseUnknown } from '../common/known-options.js';
import { ARRAY, checkValues, FLAG, FUNCTION, OBJECT, TEXT } from '../common/option-values.js';
import { DEFAULT_CONNECTION } from '../connection/amqp.tokens.js';
import { UnguardedBoardError } from './board.errors.js';
import { ManagementApi } from './management/management-api.js';

/**
 * Options of {@link AmqpBoardModule.forRoot}.
 *
 * @publicApi
 */
export interface AmqpBoardOptions {
  /** Path of the page, below the application's global prefix. Default `'/amqp'`. */
  readonly path?: string;
  /** Guards of all requests of the board, as for `@UseGuards()`. Required in production. */
  readonly guards?: readonly (Type<CanActivate> | CanActivate)[];
  /**
   * True if a global guard or a proxy protects the path, so that the board may start in production without guards.
   * Default false.
   */
  readonly guardedElsewhere?: boolean;
  /** Modules that export what the guards inject. */
  readonly imports?: ModuleMetadata['imports'];
  /**
   * Returns the name of the user who sent a request, for the log line of each change. Takes the request of Express or
   * Fastify. If it throws, the change is refused. Default: the address of the client.
   *
   * @example
   * ```ts
   * user: (request) => (request as { user: { name: string } }).user.name
   * ```
   */
  readonly user?: (request: unknown) => string | Promise<string>;
  /**
   * True if users may change payload and headers of a parked message and send it back. Default false: messages go back as they
   * were published.
   */
  readonly edit?: boolean;
  /**
   * URL of RabbitMQ's management API with credentials, for what AMQP does not tell of a queue: `http://user:password@host:15672`. The
   * user needs the tag `monitoring`, or `management` and permissions for the virtual host. An object has a URL for each name of a
   * connection; the one without a name is `default`. Neither shown nor logged. Default: no such requests.
   *
   * @see https://www.rabbitmq.com/docs/management#http-api
   */
  readonly management?: string | Readonly<Record<string, string>>;
  /**
   * A name that all instances of the application have in common, and no other application has. With it, a consumer can be
   * paused, resumed and limited in all of them: they send commands through the exchange `nest-amqp.board.<name>` of the first
   * connection. Up to 200 bytes. Default: the board changes its own process only, and listens to nobody.
   *
   * @see docs/board.md, All instances
   */
  readonly instances?: string;
}

const KNOWN = namesOf({
  path: 0,
  guards: 0,
  guardedElsewhere: 0,
  imports: 0,
  user: 0,
  edit: 0,
  management: 0,
  instances: 0,
} satisfies Record<keyof AmqpBoardOptions, 0>);
const WHERE = 'AmqpBoardModule.forRoot()';
/** The name of an exchange has at most 255 bytes (section 3.1.3.3 of AMQP 0-9-1). */
const MAX_NAME = 200;
const URLS = 'a URL such as http://user:password@host:15672, or an object with one for each connection';
const DEFAULT_PATH = '/amqp';

/** The options, with defaults. */
export interface CheckedBoardOptions extends AmqpBoardOptions {
  /** Without a slash at either end. */
  readonly path: string;
  readonly guards: readonly (Type<CanActivate> | CanActivate)[];
}

/** @throws ConfigurationError, UnguardedBoardError */
export function checkedBoardOptions(options: AmqpBoardOptions, environment: string | undefined): CheckedBoardOptions {
  refuseUnknown(WHERE, options, KNOWN);
  checkValues(WHERE, options, {
    imports: ARRAY,
    path: TEXT,
    guardedElsewhere: FLAG,
    user: FUNCTION,
    edit: FLAG,
    instances: TEXT,
  });
  const { path: given = DEFAULT_PATH, guards = [], guardedElsewhere = false, instances } = options;
  if (instances !== undefined && (instances === '' || Buffer.byteLength(instances) > MAX_NAME)) {
    throw new ConfigurationError(`${WHERE}: instances must be a name of 1 to ${MAX_NAME} bytes`);
  }
  const path = pagePath(WHERE, given);
  if (!Array.isArray(guards) || !guards.every(isGuard)) {
    throw new ConfigurationError(`${WHERE}: guards must be an array of guards, as for @UseGuards()`);
  }
  managementApis(options, [DEFAULT_CONNECTION]);
  if (environment === 'production' && guards.length === 0 && !guardedElsewhere) throw new UnguardedBoardError(given);
  return { ...options, path, guards };
}

/**
 * Returns the management API of each connection that has one.
 *
 * @param connections names of all connections
 * @throws ConfigurationError that does not repeat a URL
 */
export function managementApis(
  { management }: Pick<AmqpBoardOptions, 'management'>,
  connections: readonly string[],
): ReadonlyMap<string, ManagementApi> {
  if (management === undefined) return new Map();
  if (typeof management === 'string') {
    const api = new ManagementApi(`${WHERE}: management`, management, systemClock);
    return new Map(connections.map((name) => [name, api]));
  }
  if (!OBJECT.fits(management)) throw new ConfigurationError(`${WHERE}: management must be ${URLS}`);
  return new Map(
    Object.entries(management).map(([name, url]) => {
      if (typeof url !== 'string') throw new ConfigurationError(`${WHERE}: management.${name} must be ${URLS}`);
      return [name, new ManagementApi(`${WHERE}: management.${name}`, url, systemClock)];
    }),
  );
}

/** An undefined guard is a circular import; Nest would skip it without a word. */
function isGuard(guard: unknown): boolean {
  return typeof guard === 'function' || typeof (Object(guard) as Partial<CanActivate>).canActivate === 'function';
}
