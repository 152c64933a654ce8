import { ChannelClosedError, type AmqpError } from '../errors.js';

/** A method that ends a transaction. */
export type TransactionEnd = 'tx.commit' | 'tx.rollback';

/**
 * The transaction mode of a channel, across losses (section 1.9). The broker rolls a transaction back when its channel ends,
 * so the steps before a loss and those after it are no transaction any more: the next commit rolls back and rejects.
 */
export class Transaction {
  /** True once tx.select was sent, unless the broker has refused it. A channel that opens anew sends it again. */
  selected = false;
  /** The loss that has rolled back the present transaction. */
  private loss: AmqpError | undefined;
  /** Number of pending commits and rollbacks. Their callers learn of a loss. */
  private ending = 0;

  onLost(loss: AmqpError): void {
    if (this.selected && this.ending === 0) this.loss = loss;
  }

  /**
   * Ends the transaction.
   *
   * @param send sends the method and waits for its answer
   * @throws ChannelClosedError with outcome 'not-sent' for the commit of a transaction that a loss has rolled back
   */
  async end(method: TransactionEnd, send: (method: TransactionEnd) => Promise<unknown>): Promise<void> {
    const { loss } = this;
    this.ending++;
    try {
      await send(loss ? 'tx.rollback' : method);
      this.loss = undefined;
    } finally {
      this.ending--;
    }
    if (!loss || method === 'tx.rollback') return;
    const message = `the transaction was rolled back: its channel was lost meanwhile. Repeat it. ${loss.message}`;
    throw new ChannelClosedError(message, 'not-sent', { cause: loss });
  }
}
