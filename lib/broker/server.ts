import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { BrokerClock } from './control/clock.js';
import { BrokerError } from './errors.js';
import { BrokerFaults } from './control/faults.js';
import { Journal } from './control/journal.js';
import { MemoryAlarm } from './control/memory-alarm.js';
import { putIn, type MessageToPutIn, type PutIn } from './control/put-in.js';
import { resolveBrokerOptions, type BrokerOptions, type ResolvedBrokerOptions } from './options.js';
import { ReplyTargets } from './channel/reply-to.js';
import { Session } from './connection/session.js';
import { Vhost } from './routing/vhost.js';

/** How long clients have to agree to a close, ms. */
const CLOSE_GRACE = 1_000;

/** A queue, as it stands. */
export interface QueueInfo {
  readonly name: string;
  readonly vhost: string;
  /** Ready; those that are delivered and not acknowledged are not among them. */
  readonly messages: number;
  /** Delivered and not acknowledged. */
  readonly unacknowledged: number;
  readonly consumers: number;
}

/**
 * An AMQP 0-9-1 broker in this process, on a real socket: any client can connect. It behaves as RabbitMQ does, keeps
 * everything in memory, and is for development and tests.
 *
 *     await using broker = await EmbeddedBroker.start();
 *     const connection = await connect(broker.url);
 *     broker.faults.nackNext(1, { exchange: 'orders' });
 *     await broker.journal.next('published', ({ exchange }) => exchange === 'orders');
 */
export class EmbeddedBroker implements AsyncDisposable {
  /** Breaks things on purpose. */
  readonly faults: BrokerFaults;
  /** What it saw. */
  readonly journal: Journal;
  private readonly clock = new BrokerClock();
  private readonly vhosts = new Map<string, Vhost>();
  private readonly replyTargets = new ReplyTargets();
  private readonly sessions = new Set<Session>();
  /** Those of sessions that are over and have not been closed by their clients, too. */
  private readonly sockets = new Set<Socket>();
  private readonly memory: MemoryAlarm;
  private readonly server: Server;
  private lastId = 0;
  private closing: Promise<void> | undefined;

  private constructor(private readonly options: ResolvedBrokerOptions) {
    this.journal = new Journal(() => this.clock.now(), options.journalSize);
    this.faults = new BrokerFaults({ journal: this.journal, sessions: () => [...this.sessions] });
    this.memory = new MemoryAlarm(
      options.memoryLimit,
      () => this.eachSession((session) => session.block('low on memory')),
      () => this.eachSession((session) => session.unblock()),
    );
    for (const name of options.vhosts) this.addVhost(name);
    // A client that half-closes its socket is gone.
    this.server = createServer({ noDelay: true }, (socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
      this.sessions.add(new Session(++this.lastId, socket, this.sessionHost()));
    });
  }

  /**
   * Starts one; several can run side by side.
   *
   * @throws RangeError for an option that cannot be; the system's error when the port is taken
   */
  static async start(options: BrokerOptions = {}): Promise<EmbeddedBroker> {
    const broker = new EmbeddedBroker(resolveBrokerOptions(options));
    const { host, port } = broker.options;
    broker.server.listen({ host, port });
    await once(broker.server, 'listening');
    return broker;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Where clients connect: with the first user, to the first virtual host. */
  get url(): string {
    const { host, users, vhosts } = this.options;
    const [[user, password] = ['', '']] = Object.entries(users);
    const [vhost = '/'] = vhosts;
    const login = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
    const address = `${host.includes(':') ? `[${host}]` : host}:${this.port}`;
    return `amqp://${login}@${address}${vhost === '/' ? '' : `/${encodeURIComponent(vhost)}`}`;
  }

  /** Makes room for names of its own; one that is there stays as it is. */
  addVhost(name: string): void {
    const host = { clock: this.clock, journal: this.journal, kept: (bytes: number) => this.memory.count(bytes) };
    if (!this.vhosts.has(name)) this.vhosts.set(name, new Vhost(name, host));
  }

  /**
   * Puts a message in, as if a client had published it; faults leave it alone. In the journal it has connection 0.
   *
   * @throws RangeError for a virtual host, BrokerError (NOT_FOUND) for an exchange that is not there
   */
  publish(message: MessageToPutIn): PutIn {
    const { vhost: name = '/' } = message;
    const vhost = this.vhosts.get(name);
    if (!vhost) throw new RangeError(`EmbeddedBroker: there is no virtual host '${name}'`);
    return putIn(vhost, this.journal, message);
  }

  /** Drops every ready message of every queue; returns how many that was. */
  purge(): number {
    let count = 0;
    for (const { queues } of this.vhosts.values()) for (const queue of queues.values()) count += queue.purge();
    return count;
  }

  /** From now on its port does not keep the process alive; open connections do. */
  unref(): void {
    this.server.unref();
  }

  /** Connections that are open. */
  get connections(): readonly { readonly id: number; readonly name: string; readonly user: string }[] {
    return [...this.sessions].filter(({ isOpen }) => isOpen).map(({ id, name, user }) => ({ id, name, user }));
  }

  /** Every queue, as it stands now. */
  get queues(): readonly QueueInfo[] {
    return [...this.vhosts.values()].flatMap((vhost) =>
      [...vhost.queues.values()].map(({ name, messageCount, unacknowledged, consumers }) => ({
        name,
        vhost: vhost.name,
        messages: messageCount,
        unacknowledged,
        consumers: consumers.size,
      })),
    );
  }

  /** The broker's time, ms since 1970: the machine's, and what `advance` has added. */
  get now(): number {
    return this.clock.now();
  }

  /** Moves the broker's time forward by `ms`: what expires meanwhile expires now. Heartbeats go by real time. */
  advance(ms: number): void {
    this.clock.advance(ms);
  }

  /** Closes every connection (320 CONNECTION_FORCED) and the port, and forgets everything. May be called again. */
  close(): Promise<void> {
    return (this.closing ??= this.closeOnce());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async closeOnce(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.faults.clear();
    const reason = new BrokerError('CONNECTION_FORCED', "broker forced connection closure with reason 'shutdown'");
    this.eachSession((session) => (session.isOpen ? session.close(reason) : session.transport.destroy('shutdown')));
    const live = new Set([...this.sessions].map(({ transport }) => transport.socket));
    for (const socket of this.sockets) if (!live.has(socket)) socket.destroy();
    const grace = setTimeout(() => {
      for (const socket of this.sockets) socket.destroy();
    }, CLOSE_GRACE);
    await closed;
    clearTimeout(grace);
    this.clock.stop();
  }

  private eachSession(action: (session: Session) => void): void {
    for (const session of [...this.sessions]) action(session);
  }

  private sessionHost(): ConstructorParameters<typeof Session>[2] {
    const { options, journal, faults, vhosts, replyTargets } = this;
    const blocked = (): string | undefined => faults.blocked ?? (this.memory.active ? 'low on memory' : undefined);
    return {
      options,
      journal,
      faults,
      vhosts,
      replyTargets,
      get blocked() {
        return blocked();
      },
      onEnd: (session) => void this.sessions.delete(session),
    };
  }
}
