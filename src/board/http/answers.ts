import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { AmqpError, ConfigurationError, NotFoundError } from '../../../lib/client/index.js';
import { FieldLogger } from '../../common/field-logger.js';
import { SAFE_HEADERS } from '../../common/http/safe-headers.js';
import { describeError } from '../../common/log-text.js';
import { UnknownConsumerError } from '../../consumers/consumer.errors.js';
import { BoardRequestError } from '../board.errors.js';

/** A page of another origin cannot send this header without the permission of CORS. */
export const CHANGE_HEADER = 'x-nest-amqp-board';

const logger = new FieldLogger('AmqpBoard');

/** @throws BoardRequestError for a change that a foreign page may have sent */
export function expectOwnPage(headers: IncomingHttpHeaders): void {
  if (headers[CHANGE_HEADER] !== undefined) return;
  throw new BoardRequestError(403, `Changes need the header ${CHANGE_HEADER}, which the page of the board sends.`);
}

/** Sends the result of the work as JSON, or its error. Never rejects. */
export async function answer(response: ServerResponse, work: () => unknown): Promise<void> {
  try {
    sendJson(response, 200, await work());
  } catch (error) {
    const status = statusOf(error);
    if (status === 500) logger.error(`A request of the board failed: ${describeError(error)}`);
    sendJson(response, status, { error: error instanceof Error ? error.message : 'It failed.' });
  }
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  // The client may have left.
  if (response.headersSent || response.destroyed) return;
  const body = JSON.stringify(value ?? {});
  response.writeHead(status, { ...SAFE_HEADERS, 'Content-Type': 'application/json; charset=utf-8' });
  response.end(body);
}

function statusOf(error: unknown): number {
  if (error instanceof BoardRequestError) return error.status;
  if (error instanceof NotFoundError || error instanceof UnknownConsumerError) return 404;
  if (error instanceof ConfigurationError) return 400;
  return error instanceof AmqpError ? 503 : 500;
}
