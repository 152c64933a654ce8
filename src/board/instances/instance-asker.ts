import { TRACES_ITSELF, type Channel, type Connection, type Delivery } from '../../../lib/client/index.js';
import type { Clock } from '../../../lib/environment/index.js';
import { DIRECT_REPLY_TO } from '../../rpc/direct-reply-to.js';
import { encode, readAnswer, type Answer, type Ask, type Note } from './instance-messages.js';

/** Returns the exchange of an application's instances. */
export const exchangeOf = (application: string): string => `nest-amqp.board.${application}`;

/**
 * Returns false for a message of another user of the broker, which verifies the property `userId`
 * (https://www.rabbitmq.com/docs/validated-user-id). A connection whose own user is unknown trusts all.
 */
export function isOfOwnUser({ properties }: Delivery, { user }: Pick<Connection, 'user'>): boolean {
  return user === undefined || properties.userId === user;
}

export interface AskerSetup {
  /** A channel of the connection, with confirms. */
  readonly channel: Channel;
  readonly connection: Connection;
  readonly exchange: string;
  readonly clock: Pick<Clock, 'after'>;
  readonly uniqueId: () => string;
  /** Called with each answer, also with one that nobody waits for any more. */
  readonly heard?: (answer: Answer) => void;
}

/**
 * Sends commands to all instances and collects their answers, on one channel: an answer comes to the channel that has asked
 * (https://www.rabbitmq.com/docs/direct-reply-to). The process that asks is one of them.
 */
export class InstanceAsker {
  /** Receivers of answers, by correlation id. */
  private readonly pending = new Map<string, (answer: Answer) => void>();
  private listening: Promise<unknown> | undefined;

  constructor(private readonly setup: AskerSetup) {}

  /**
   * Sends a command. Resolves with the answers, one for each instance.
   *
   * @param within ms; later answers do not count, and the command expires at the broker
   * @param isEnough returns true once no further answer is expected
   * @throws AmqpError if the broker did not take the command within that time
   */
  async ask(ask: Ask, within: number, isEnough: (answers: ReadonlyMap<string, Answer>) => boolean): Promise<Answer[]> {
    const { channel, exchange, clock, uniqueId } = this.setup;
    const id = uniqueId();
    const answers = new Map<string, Answer>();
    let cancel = (): void => {};
    const collected = new Promise<void>((resolve) => {
      cancel = clock.after(within, resolve, { keepAlive: false });
      this.pending.set(id, (answer) => {
        answers.set(answer.instance.id, answer);
        if (isEnough(answers)) resolve();
      });
    });
    try {
      await this.listen(within);
      const properties = { correlationId: id, replyTo: DIRECT_REPLY_TO, expiration: String(within), timeout: within };
      await channel.publish(exchange, '', encode(ask), { ...this.signed, ...properties, mandatory: true });
      await collected;
    } finally {
      cancel();
      this.pending.delete(id);
    }
    return [...answers.values()];
  }

  /** Answers a command. @param within ms */
  async answer(replyTo: string, correlationId: string, answer: Answer, within: number): Promise<void> {
    const properties = { correlationId, expiration: String(within), timeout: within };
    await this.setup.channel.publish('', replyTo, encode(answer), { ...this.signed, ...properties });
  }

  /** Tells all instances something. @param within ms */
  async tell(note: Note, within: number): Promise<void> {
    const properties = { expiration: String(within), timeout: within };
    const { channel, exchange } = this.setup;
    await channel.publish(exchange, '', encode(note), { ...this.signed, ...properties });
  }

  private get signed() {
    const { user } = this.setup.connection;
    return { contentType: 'application/json', ...(user === undefined ? {} : { userId: user }) };
  }

  private async listen(timeout: number): Promise<void> {
    const options = { noAck: true, timeout, [TRACES_ITSELF]: true } as const;
    this.listening ??= this.setup.channel.basicConsume(DIRECT_REPLY_TO, (delivery) => this.onAnswer(delivery), options);
    try {
      await this.listening;
    } catch (error) {
      this.listening = undefined;
      throw error;
    }
  }

  private onAnswer(delivery: Delivery): void {
    if (!isOfOwnUser(delivery, this.setup.connection)) return;
    const answer = readAnswer(delivery.body);
    if (!answer) return;
    this.setup.heard?.(answer);
    this.pending.get(delivery.properties.correlationId ?? '')?.(answer);
  }
}
