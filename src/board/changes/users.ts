import { describeError, inLog } from '../../common/log-text.js';
import { BoardRequestError } from '../board.errors.js';
import type { AmqpBoardOptions } from '../board-options.js';
import { addressOf } from '../../common/http/raw-response.js';

/** Returns who sent a request, for the log. @throws BoardRequestError if the hook fails, so that no change is anonymous */
export async function userOf(request: unknown, hook: AmqpBoardOptions['user']): Promise<string> {
  if (!hook) return `somebody at ${addressOf(request)}`;
  let name: unknown;
  try {
    name = await hook(request);
  } catch (error) {
    throw new BoardRequestError(403, `Nothing was changed: the user is unknown (${describeError(error)}).`);
  }
  if (typeof name === 'string' && name !== '') return inLog(name);
  throw new BoardRequestError(403, 'Nothing was changed: the user has no name.');
}
