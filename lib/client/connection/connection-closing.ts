import { ConnectionClosedError } from '../errors.js';
import type { Link } from '../link/link.js';
import type { PendingCalls } from '../link/pending-calls.js';
import { EarliestDeadline } from '../timing/earliest-deadline.js';
import type { Clock } from '../../environment/index.js';
import type { TopologyRestorer } from '../recovery/topology-restorer.js';
import type { Channels } from './channels.js';
import type { ConnectionState } from './connection-events.js';

/** The part of a connection that its graceful end uses. */
export interface ClosingConnection {
  readonly state: ConnectionState;
  /** The live link; undefined if there is none. */
  readonly link: Link | undefined;
  /** The reason why the broker has blocked the connection; undefined if it has not. */
  readonly blocked: string | undefined;
  readonly control: Pick<PendingCalls, 'call'>;
  readonly channels: Channels;
  readonly restorer: Pick<TopologyRestorer, 'discarded'>;
  /** Ends what would keep the connection: the way back after a loss, and the renewal of credentials. */
  endEfforts(reason: ConnectionClosedError): void;
  finish(error: undefined): void;
}

/** The graceful end of a connection: it closes the channels, waits for the last queues, and says goodbye. */
export class ConnectionClosing {
  private readonly deadline: EarliestDeadline;
  private closing: Promise<void> | undefined;

  constructor(
    private readonly connection: ClosingConnection,
    clock: Clock,
  ) {
    this.deadline = new EarliestDeadline(clock, 'the deadline of close() has passed');
  }

  get begun(): boolean {
    return this.closing !== undefined;
  }

  /** @param timeout ms for all steps; of several calls the earliest deadline counts */
  close(timeout: number): Promise<void> {
    this.deadline.within(timeout);
    if (this.closing) for (const channel of this.connection.channels) void channel.close(timeout);
    return (this.closing ??= this.closeOnce(timeout));
  }

  private async closeOnce(timeout: number): Promise<void> {
    const { connection } = this;
    if (connection.state !== 'closed') {
      const { link, channels } = connection;
      if (link) await Promise.all([...channels].map((channel) => channel.close(timeout)));
      await this.deadline.race(this.lastQueues()).catch(() => {});
      connection.endEfforts(new ConnectionClosedError('the connection was closed'));
      await this.sayGoodbye();
      connection.finish(undefined);
    }
    this.deadline.end();
  }

  /** The remaining auto-delete queues are known when the broker has closed the channels of their consumers. */
  private async lastQueues(): Promise<void> {
    // A broker that has blocked the connection does not read connection.close.
    if (this.connection.blocked === undefined) await this.connection.channels.left();
    await this.connection.restorer.discarded();
  }

  private async sayGoodbye(): Promise<void> {
    const { link, blocked, control } = this.connection;
    if (!link) return;
    const goodbye = { replyCode: 200, replyText: 'bye', classId: 0, methodId: 0 };
    // RabbitMQ does not read from a blocked connection. It finds this method when it reads again.
    if (blocked !== undefined) link.send(0, 'connection.close', goodbye);
    else {
      // The connection ends whatever the broker answers.
      const answered = control.call('connection.close', goodbye, { timeout: Infinity });
      await this.deadline.race(answered).catch(() => {});
    }
    link.finish(new ConnectionClosedError('the connection was closed'));
  }
}
