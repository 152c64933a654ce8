import { ChannelClosedError } from '../../../lib/client/index.js';
import type { Published } from './ledger.js';
import { bodyOf, propertiesOf } from './messages.js';
import type { Scene } from './scene.js';
import type { StepOf } from './steps.js';
import type { ChannelOwner } from './channel-base.js';

/** Time between two publishes of a transaction whose channel is restored, ms. */
const BETWEEN = 1_000;

/**
 * Runs a transaction on its own channel, from tx.select to the channel's end. Some channels are restored after a loss, and
 * what they publish afterwards belongs to the broken transaction.
 */
export function runTransaction(scene: Scene, owner: ChannelOwner | undefined, step: StepOf<'transaction'>): void {
  const connection = owner?.connection;
  if (!connection) return;
  const messages: Published[] = [];
  const work = async (): Promise<void> => {
    const restore = step.count % 2 === 0;
    const channel = await connection.openChannel({ restore });
    try {
      await channel.txSelect();
      for (let index = 0; index < step.count; index++) {
        const id = scene.ledger.newId();
        const message: Published = { id, channel: `tx${id}`, index, exchange: '', key: step.queue, mandatory: false, persistent: true, size: 20, mayRepeat: false, twin: false, rolledBack: true, promise: 'pending', writings: 0, outcomes: [] }; // prettier-ignore
        scene.ledger.add(message);
        messages.push(message);
        const properties = propertiesOf(id, { exchange: '', key: step.queue, count: 1, size: 20 });
        await channel.publish('', step.queue, bodyOf(id, 20, true), properties);
        // Time for a loss in the middle.
        if (restore && !scene.peace) await scene.sleep(BETWEEN);
      }
      if (step.rollback) {
        await channel.txRollback();
        return;
      }
      // From here on the broker may commit the transaction.
      for (const message of messages) message.rolledBack = false;
      try {
        await channel.txCommit();
      } catch (error) {
        const broken = error instanceof ChannelClosedError && error.outcome === 'not-sent';
        if (!broken) throw error;
        for (const message of messages) {
          message.rolledBack = true;
          scene.oracle.check(message.outcomes.length === 0, 'confirmed', () => `message ${message.id}: its transaction was broken by a loss; the broker has had it`); // prettier-ignore
        }
        throw error;
      }
      for (const message of messages) {
        scene.oracle.check(message.outcomes.length === 1, 'confirmed', () => `message ${message.id}: tx.commit was answered; the broker has had it ${message.outcomes.length} times`); // prettier-ignore
      }
    } finally {
      await channel.close();
    }
  };
  scene.promises.watch(`transaction of ${owner.name}`, work, { within: 12 * scene.settings.rpcTimeout + 60_000 });
}
