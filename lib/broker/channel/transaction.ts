import { preconditionFailed } from '../errors.js';

/** What a transactional channel does at its next commit (section 1.9). On any other it is done at once. */
export class Transaction {
  private selected = false;
  private work: { readonly commit: () => void; readonly rollback: () => void }[] = [];

  get active(): boolean {
    return this.selected;
  }

  /** tx.select. @param confirming whether the channel has confirms. @throws BrokerError when it has */
  select(confirming: boolean): void {
    if (confirming) throw preconditionFailed('cannot switch from confirm to tx mode');
    this.selected = true;
  }

  carryOut(commit: () => void, rollback: () => void = () => {}): void {
    if (this.selected) this.work.push({ commit, rollback });
    else commit();
  }

  /** @throws BrokerError on a channel that is not transactional */
  commit(): void {
    for (const { commit } of this.take()) commit();
  }

  /** @throws BrokerError on a channel that is not transactional */
  rollback(): void {
    for (const { rollback } of this.take()) rollback();
  }

  /** The channel is gone: what was not committed is undone. */
  abandon(): void {
    for (const { rollback } of this.work.splice(0)) rollback();
  }

  private take(): typeof this.work {
    if (!this.selected) throw preconditionFailed('channel is not transactional');
    return this.work.splice(0);
  }
}
