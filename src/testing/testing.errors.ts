import { nameErrors } from '../../lib/shown/index.js';
import { AmqpError } from '../../lib/client/index.js';

/** The awaited message or state did not occur in time; the text says what has happened so far. */
export class HarnessTimeoutError extends AmqpError {}

/** The test's message cannot be routed: the queue or exchange does not exist, or the queue is full. */
export class HarnessPublishError extends AmqpError {}

nameErrors({ HarnessTimeoutError, HarnessPublishError });
