import { Buffer } from 'node:buffer';
import type { CanActivate, ModuleMetadata, Type } from '@nestjs/common';
import { ConfigurationError } from '../../lib/client/index.js';
import { namesOf } from '../../lib/option-names/index.js';
import { pagePath } from '../common/http/page-path.js';
import { refuseUnknown } from '../common/known-options.js';
import { checkValues, FLAG, FUNCTION, TEXT } from '../common/option-values.js';
import { UnguardedBoardError } from './board.errors.js';

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
  instances: 0,
} satisfies Record<keyof AmqpBoardOptions, 0>);
const WHERE = 'AmqpBoardModule.forRoot()';
/** The name of an exchange has at most 255 bytes (section 3.1.3.3 of AMQP 0-9-1). */
const MAX_NAME = 200;
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
  checkValues(WHERE, options, { path: TEXT, guardedElsewhere: FLAG, user: FUNCTION, edit: FLAG, instances: TEXT });
  const { path: given = DEFAULT_PATH, guards = [], guardedElsewhere = false, instances } = options;
  if (instances !== undefined && (instances === '' || Buffer.byteLength(instances) > MAX_NAME)) {
    throw new ConfigurationError(`${WHERE}: instances must be a name of 1 to ${MAX_NAME} bytes`);
  }
  const path = pagePath(WHERE, given);
  if (!Array.isArray(guards) || !guards.every(isGuard)) {
    throw new ConfigurationError(`${WHERE}: guards must be an array of guards, as for @UseGuards()`);
  }
  if (environment === 'production' && guards.length === 0 && !guardedElsewhere) throw new UnguardedBoardError(given);
  return { ...options, path, guards };
}

/** An undefined guard is a circular import; Nest would skip it without a word. */
function isGuard(guard: unknown): boolean {
  return typeof guard === 'function' || typeof (Object(guard) as Partial<CanActivate>).canActivate === 'function';
}
