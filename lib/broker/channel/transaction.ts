import type { Work } from '../control/turns.js';
import { preconditionFailed } from '../errors.js';

/** Collects the steps of a transactional channel until its next commit (section 1.9). Other channels run steps at once. */
export class Transaction {
  private selected = false;
  private steps: { readonly commit: () => Work; readonly rollback: () => void }[] = [];

  get active(): boolean {
    return this.selected;
  }

  /** tx.select. @param confirming true if the channel has confirms. @throws BrokerError if it has */
  select(confirming: boolean): void {
    if (confirming) throw preconditionFailed('cannot switch from confirm to tx mode');
    this.selected = true;
  }

  /** @param commit returns the work */
  *carryOut(commit: () => Work, rollback: () => void = () => {}): Work {
    if (this.selected) this.steps.push({ commit, rollback });
    else yield* commit();
  }

  /** @throws BrokerError on a channel that is not transactional */
  *commit(): Work {
    for (const { commit } of this.take()) {
      yield* commit();
      yield;
    }
  }

  /** @throws BrokerError on a channel that is not transactional */
  rollback(): void {
    for (const { rollback } of this.take()) rollback();
  }

  /** Called when the channel is gone. Undoes all that was not committed. */
  abandon(): void {
    for (const { rollback } of this.steps.splice(0)) rollback();
  }

  private take(): typeof this.steps {
    if (!this.selected) throw preconditionFailed('channel is not transactional');
    return this.steps.splice(0);
  }
}
