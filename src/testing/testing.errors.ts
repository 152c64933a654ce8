import { AmqpError } from '../../lib/client/index.js';

/** What the test waited for has not come in time; the message says how far it is. */
export class HarnessTimeoutError extends AmqpError {
  static {
    this.prototype.name = 'HarnessTimeoutError';
  }
}

/** The message cannot get where the test has sent it: no such queue or exchange, or the queue is full. */
export class HarnessPublishError extends AmqpError {
  static {
    this.prototype.name = 'HarnessPublishError';
  }
}
