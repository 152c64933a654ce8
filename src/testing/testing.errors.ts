import { AmqpError } from '../../lib/client/index.js';

/** The awaited message or state did not occur in time; the text says what has happened so far. */
export class HarnessTimeoutError extends AmqpError {
  static {
    this.prototype.name = 'HarnessTimeoutError';
  }
}

/** The test's message cannot be routed: the queue or exchange does not exist, or the queue is full. */
export class HarnessPublishError extends AmqpError {
  static {
    this.prototype.name = 'HarnessPublishError';
  }
}
