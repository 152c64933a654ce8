import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { showAs } from '../shown/index.js';
import { BrokerClock } from './control/clock.js';
import { BrokerError } from './errors.js';
import { BrokerFaults } from './control/faults.js';
import { Journal } from './control/journal.js';
import { MemoryAlarm } from './control/memory-alarm.js';
import { putIn, type MessageToPutIn, type PutIn } from './control/put-in.js';
import { restart, type RestartOptions } from './control/restart.js';
import { resolveBrokerOptions, type BrokerOptions, type ResolvedBrokerOptions } from './options.js';
import { ReplyTargets } from './channel/reply-to.js';
import { Clients } from './connection/clients.js';
import type { Session } from './connection/session.js';
import { Turns } from './control/turns.js';
import { Vhost } from './routing/vhost.js';

/** The present state of a queue. */
export interface QueueInfo {
  readonly name: string;
  readonly vhost: string;
  /** Number of ready messages, without unacknowledged ones. */
  readonly messages: number;
  /** Number of unacknowledged messages. */
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
  /** Causes faults on demand. */
  readonly faults: BrokerFaults;
  /** Records the events of the broker. */
  readonly journal: Journal;
  private readonly clock: BrokerClock;
  private readonly vhosts = new Map<string, Vhost>();
  private readonly clients: Clients;
  private readonly turns: Turns;
  private readonly memory: MemoryAlarm;
  /** The listening socket, if there is one. */
  private server: Server | undefined;
  private closing: Promise<void> | undefined;

  private constructor(private readonly options: ResolvedBrokerOptions) {
    const { clock, random, log } = options;
    const onError = (error: unknown): void => log(`internal error: ${(error as Error).stack}`);
    this.clock = new BrokerClock(clock, onError);
    const wallTime = (): number => this.clock.wallTime();
    this.journal = new Journal(
      { wallTime, after: clock.after.bind(clock) },
      options.journalSize,
      options.journalBytes,
      onError,
    );
    this.faults = new BrokerFaults({ journal: this.journal, sessions: () => this.clients.all });
    this.memory = new MemoryAlarm(
      options.memoryLimit,
      () => this.eachSession((session) => session.block('low on memory')),
      () => this.eachSession((session) => session.unblock()),
    );
    this.turns = new Turns(clock, onError);
    for (const name of options.vhosts) this.addVhost(name);
    const { journal, faults, vhosts, memory, turns } = this;
    const blocked = (): string | undefined => faults.blocked ?? (memory.active ? 'low on memory' : undefined);
    const replyTargets = new ReplyTargets(random);
    this.clients = new Clients(clock, { options, journal, faults, vhosts, replyTargets, turns, blocked });
  }

  /**
   * Starts a broker that listens on a TCP port. Several brokers can run side by side.
   *
   * @throws RangeError for an invalid option; the system's error if the port is in use
   */
  static async start(options: BrokerOptions = {}): Promise<EmbeddedBroker> {
    const broker = new EmbeddedBroker(resolveBrokerOptions(options));
    const { host, port } = broker.options;
    // A client that half-closes its socket is gone. Its connection handles what it sent before, then ends the socket.
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => broker.attach(socket));
    server.listen({ host, port });
    await once(server, 'listening');
    broker.server = server;
    return broker;
  }

  /**
   * Creates a broker that does not listen. Its clients connect by `attach`.
   *
   * @throws RangeError for an option that cannot be
   */
  static create(options: Omit<BrokerOptions, 'host' | 'port'> = {}): EmbeddedBroker {
    return new EmbeddedBroker(resolveBrokerOptions(options));
  }

  /**
   * Serves one client over this stream: a socket, or one half of a pair in memory. The broker reads, writes, ends and
   * destroys the stream; `faults.drop('reset')` calls its `resetAndDestroy()`, if it has one. After `close` the stream
   * is destroyed at once.
   */
  attach(duplex: Duplex): void {
    if (this.closing) duplex.destroy();
    else this.clients.add(duplex);
  }

  /** The TCP port; 0 for a broker that does not listen. */
  get port(): number {
    return (this.server?.address() as AddressInfo | null | undefined)?.port ?? 0;
  }

  /** The URL for clients, with the first user, if `users` lists any, and the first virtual host. It has no port when the broker does not listen. */
  get url(): string {
    const { host, users, vhosts } = this.options;
    const [[user, password] = ['', '']] = typeof users === 'function' ? [] : Object.entries(users);
    const [vhost = '/'] = vhosts;
    const login = user === '' ? '' : `${encodeURIComponent(user)}:${encodeURIComponent(password)}@`;
    const address = `${host.includes(':') ? `[${host}]` : host}${this.server ? `:${this.port}` : ''}`;
    return `amqp://${login}${address}${vhost === '/' ? '' : `/${encodeURIComponent(vhost)}`}`;
  }

  /** Creates a virtual host. An existing one stays unchanged. */
  addVhost(name: string): void {
    const { clock, journal, options, memory, turns } = this;
    const host = { clock, journal, turns, random: options.random, kept: (bytes: number) => memory.count(bytes) };
    if (!this.vhosts.has(name)) this.vhosts.set(name, new Vhost(name, host));
  }

  /**
   * Publishes a message as if a client had sent it. Faults do not affect it. Its journal entry has connection 0.
   *
   * @throws RangeError for an unknown virtual host, BrokerError (NOT_FOUND) for an unknown exchange
   */
  publish(message: MessageToPutIn): PutIn {
    const { vhost: name = '/' } = message;
    const vhost = this.vhosts.get(name);
    if (!vhost) throw new RangeError(`EmbeddedBroker: virtual host '${name}' does not exist`);
    return putIn(vhost, this.journal, message);
  }

  /**
   * Restarts the broker: every connection ends, and everything that is not durable is lost, or everything at all. Port,
   * clock, faults and journal stay. Unacknowledged messages that survive are ready again and marked as redelivered.
   */
  restart(options: RestartOptions): void {
    const count = restart(this.clients.all, this.vhosts.values(), options, this.turns);
    this.journal.add('fault', { fault: `restart (keeps ${options.keep})`, detail: `${count} connections` });
  }

  /** Drops every ready message of every queue. Returns their number. */
  purge(): number {
    let count = 0;
    for (const { queues } of this.vhosts.values()) for (const queue of queues.values()) count += queue.purge();
    return count;
  }

  /** From now on the port does not keep the process alive; open connections do. */
  unref(): void {
    this.server?.unref();
  }

  /** Number of open connections. */
  get connections(): readonly { readonly id: number; readonly name: string; readonly user: string }[] {
    return this.clients.all.filter(({ isOpen }) => isOpen).map(({ id, name, user }) => ({ id, name, user }));
  }

  /** The present state of every queue. */
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

  /** The broker's time in ms since 1970: the time of its clock, plus what `advance` has added. */
  get now(): number {
    return this.clock.wallTime();
  }

  /** @internal True while work waits for a later turn, for example after `advance`. */
  get isWorking(): boolean {
    return this.turns.isWorking || this.clock.isLate;
  }

  /**
   * Moves the broker's time forward by `ms`. Messages and queues whose time has come expire now. Heartbeats use the
   * clock alone.
   */
  advance(ms: number): void {
    this.clock.advance(ms);
  }

  /** Closes every connection (320 CONNECTION_FORCED) and the port, if there is one. May be called again. */
  close(): Promise<void> {
    return (this.closing ??= this.closeOnce());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async closeOnce(): Promise<void> {
    const closed = this.server && once(this.server, 'close');
    this.server?.close();
    this.faults.clear();
    const reason = "broker forced connection closure with reason 'shutdown'";
    await this.clients.close(new BrokerError('CONNECTION_FORCED', reason));
    await closed;
    this.clock.stop();
  }

  private eachSession(action: (session: Session) => void): void {
    for (const session of this.clients.all) action(session);
  }
}

showAs(EmbeddedBroker, ({ port, now, connections, queues }) => ({ port, now, connections, queues }));
