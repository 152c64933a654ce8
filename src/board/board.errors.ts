import { nameErrors } from '../../lib/shown/index.js';
import { ConfigurationError } from '../../lib/client/index.js';

/**
 * The board has no guard in production: anybody could read, send back and delete messages.
 *
 * @publicApi
 */
export class UnguardedBoardError extends ConfigurationError {
  constructor(readonly path: string) {
    super(
      `AmqpBoardModule.forRoot(): the board at '${path}' has no guard, and NODE_ENV is production: anybody who reaches it ` +
        'could read and delete messages. Pass guards, as in AmqpBoardModule.forRoot({ guards: [AdminGuard] }). If a ' +
        'global guard or a proxy protects the path, say so: { guardedElsewhere: true }.',
    );
  }
}

/** A request of the page that cannot be carried out. Its text is shown to the user. */
export class BoardRequestError extends Error {
  /** @param status of the HTTP response */
  constructor(
    readonly status: 400 | 403 | 404 | 409 | 503,
    text: string,
  ) {
    super(text);
  }
}

nameErrors({ UnguardedBoardError, BoardRequestError });
