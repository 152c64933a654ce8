import { connect, createConnection, type AmqpError, type Connection } from '../../../lib/client/index.js';
import { Rate } from '../engine/oracle.js';
import type { SimSocket } from '../engine/sim-socket.js';
import type { Wire } from '../engine/wire.js';
import { BindingBook } from './binding-book.js';
import type { ChannelOwner } from './channel-base.js';
import { watchHeldBytes } from './held-bytes.js';
import { UserError } from './promises.js';
import type { Scene } from './scene.js';
import type { StepOf } from './steps.js';
import { UserChannel } from './user-channel.js';

/** Attempts to connect that one connection may make within a minute, to each node. */
const OPENINGS_A_MINUTE = 250;

/** Time of peace after which no connection is lost, ms. */
const PEACEFUL = 45_000;

/** Time that a socket may take to close after its connection, ms. */
const LINGER = 2_100;

/** A connection of a user, from `connect()` to its end. */
export class UserConnection implements ChannelOwner {
  connection: Connection | undefined;
  readonly channels = new Map<number, UserChannel>();
  /** All channels, with the closed ones. */
  readonly allChannels: UserChannel[] = [];
  readonly wires: Wire[] = [];
  readonly bindings = new BindingBook();
  /** The client could not declare everything again, and has reported that. */
  restoreFailed = false;
  /** The client could declare nothing again. */
  topologyFailed = false;
  closeAsked = false;
  /** The connection ended while it was lost, or after its deadline. */
  private endedLost = false;
  private blocked = false;
  /** The connection ended while the broker had blocked it. RabbitMQ reads nothing from such a connection. */
  private endedBlocked = false;
  /** The broker's names of each queue, by the name that the user knows. */
  readonly queueNames = new Map<string, Set<string>>();
  ended: { readonly error: AmqpError | undefined } | undefined;
  private readonly sockets: Rate;
  /** Calls of `updateSecret()` that are under way. */
  private readonly controlCalls = new Set<number>();
  /** Those that were sent. */
  private readonly onLink = new Set<number>();
  /** The socket of each failure to declare again. */
  private readonly failures = new Map<string, unknown>();
  private count = 0;

  constructor(
    private readonly scene: Scene,
    /** A unique name, which the broker knows. */
    readonly name: string,
  ) {
    // A round tries every node.
    this.sockets = new Rate(OPENINGS_A_MINUTE * scene.settings.nodes, 60_000);
  }

  /** The current wire, or the last one. The client may try several hosts at once and keeps one. */
  get wire(): Wire | undefined {
    const socket = this.connection?.socket;
    return this.wires.find(({ client }) => client === socket) ?? this.wires.at(-1);
  }

  /** The connection ended in a way in which the client could do nothing more at the broker. */
  get cutOff(): boolean {
    return this.endedLost || this.endedBlocked || (this.ended !== undefined && this.wire?.saidGoodbye !== true);
  }

  open(step: StepOf<'connect'>): void {
    const { scene, name } = this;
    const { settings } = scene;
    const { signal, abortAfter } = scene.signalAfter(step.abortAfter);
    const urls = Array.from({ length: settings.nodes }, (_, node) => `amqp://guest:guest@node${node}:5672`);
    let asked = 0;
    const resolve = async (): Promise<string[]> => {
      // An early connection tries until it is open, so only its first attempt is slow.
      const later = step.early ? 0 : Math.max(0, step.resolver!);
      const delay = asked++ === 0 ? step.resolver! : later;
      await (delay < 0 ? new Promise(() => {}) : scene.sleep(delay));
      return urls;
    };
    const options = {
      urls: step.resolver === undefined ? urls : resolve,
      connectionName: name,
      ...(settings.tokens ? { credentials: scene.cluster.tokens.provider(name) } : {}),
      clock: scene.clock.for('client'),
      random: scene.random.split(name),
      heartbeat: settings.heartbeat,
      rpcTimeout: settings.rpcTimeout,
      connectTimeout: settings.connectTimeout,
      frameMax: settings.frameMax,
      writeBufferSize: settings.writeBufferSize,
      maxMessageSize: settings.maxMessageSize,
      ...(settings.maxHeldBytes === undefined ? {} : { maxHeldBytes: settings.maxHeldBytes }),
      reconnect: settings.reconnect,
      createSocket: async ({ host }: { host: string }, stop: AbortSignal) => this.socket(Number(host.slice(4)), stop),
      logger: { warn: (message: string) => this.log(message) },
      ...(signal ? { signal } : {}),
    };
    // Each host has its own deadline, and one second before the client tries the next one in parallel.
    const { connectTimeout, nodes } = settings;
    const hosts = connectTimeout + (nodes - 1) * Math.min(1_000, connectTimeout);
    const functions = (step.resolver === undefined ? 0 : 1) + (settings.tokens ? 1 : 0);
    const within = Math.min(hosts + functions * connectTimeout, abortAfter);
    if (step.early) {
      const connection = createConnection(options);
      this.adopt(connection);
      scene.promises.watch(`whenOpen ${name}`, () => connection.whenOpen({ timeout: within }), { within, asked: within }, (error) => {
        // The signal closes a connection that was never open.
        if (error !== undefined && signal) this.closeAsked = true;
      }); // prettier-ignore
      return;
    }
    scene.promises.watch(`connect ${name}`, () => connect(options), { within }, (error, connection) => {
      if (connection) this.adopt(connection);
      else this.ended = { error: error as AmqpError };
    }); // prettier-ignore
  }

  close(timeout: number | undefined): void {
    const { connection, name } = this;
    if (!connection) return;
    this.closeAsked = true;
    const { clock, oracle, promises } = this.scene;
    const begun = clock.now;
    this.endedLost ||= connection.state !== 'open';
    const options = timeout === undefined ? {} : { timeout };
    const within = timeout ?? 10_000;
    promises.watch(`closeConnection ${name} ${timeout ?? ''}`, () => connection.close(options), { within, invariant: 'close' }, () => {
      this.endedLost ||= clock.now - begun >= within || this.wire?.lossy === true;
      oracle.check(connection.state === 'closed', 'close', () => `${name} is ${connection.state} after close()`);
    }); // prettier-ignore
  }

  updateSecret(): void {
    const { connection, scene } = this;
    if (!connection) return;
    const id = ++this.count;
    this.controlCalls.add(id);
    // While the connection is lost, the next login brings the secret.
    if (connection.state === 'open') this.onLink.add(id);
    // The default deadline begins anew with each answer on the channel.
    const within = this.controlCalls.size * scene.settings.rpcTimeout;
    const secret = scene.settings.tokens ? scene.cluster.tokens.issue(this.name).password : 'guest';
    scene.promises.watch('updateSecret', () => connection.updateSecret(secret, 'renewed'), { within }, () => {
      this.controlCalls.delete(id);
      this.onLink.delete(id);
    }); // prettier-ignore
  }

  openChannel(step: StepOf<'openChannel'>): void {
    const { connection, scene } = this;
    if (!connection) return;
    const channel = new UserChannel(scene, this, `${this.name}ch${++this.count}`, step.settings);
    this.allChannels.push(channel);
    channel.open(connection, () => {
      const before = this.channels.get(step.ch);
      // A channel that the user forgets would hold its deliveries for ever.
      before?.close(undefined);
      this.channels.set(step.ch, channel);
    });
  }

  private async socket(node: number, stop: AbortSignal): Promise<SimSocket> {
    const { scene } = this;
    const rate = this.sockets.hit(scene.clock.now);
    if (rate !== undefined) scene.oracle.fail('storm', `${this.name}: ${rate} attempts to connect within a minute`);
    scene.oracle.count('socket asked for');
    const wire = await scene.cluster.network.connect(node, stop);
    scene.trace.add('net', `wire ${wire.id}: ${this.name} to node ${node}`);
    this.wires.push(wire);
    return wire.client;
  }

  /** In peace each token is renewed in time. One of before may expire at its beginning. */
  private onExpired(message: string): void {
    const { peaceSince, clock, oracle, settings } = this.scene;
    oracle.count('credentials expired');
    const inPeace = peaceSince !== undefined && clock.now > peaceSince + PEACEFUL + (settings.tokens?.lifetime ?? 0);
    oracle.check(!inPeace, 'renewal', () => `${this.name}: ${message}, in peace`);
  }

  private log(message: string): void {
    this.scene.trace.add('log', `${this.name}: ${message}`);
    this.scene.cluster.tokens.onLogged(this.name, message);
    if (this.scene.settings.logger === 'throws' && !this.scene.peace) throw new UserError('logger');
  }

  private adopt(connection: Connection): void {
    const { scene, name } = this;
    const { oracle, trace } = scene;
    this.connection = connection;
    watchHeldBytes(scene, name, connection);
    connection.on('disconnected', (error) => {
      oracle.count('disconnected');
      this.blocked = false;
      trace.add('client', `${name} disconnected: ${error.message}`);
      const lost = [...this.onLink];
      // The calls end with the loss, not with their deadlines.
      scene.clock.in(0, () => {
        const waits = lost.some((id) => this.onLink.has(id));
        oracle.check(!waits, 'settles', () => `${name}: a call on channel 0 waits on though the connection was lost`);
      });
      if (error.message.includes('credentials have expired')) this.onExpired(error.message);
      const { replyCode } = error;
      const confused = replyCode !== undefined && replyCode >= 501 && replyCode <= 505 && error.message.includes('not AMQP'); // prettier-ignore
      if (confused && !scene.cluster.bytesBroken) oracle.fail('protocol', `${name} does not understand the broker: ${error.message}`); // prettier-ignore
    });
    connection.on('reconnected', () => {
      oracle.count('reconnected');
      trace.add('client', `${name} reconnected`);
    });
    connection.on('credentialsRenewed', () => oracle.count('credentials renewed'));
    connection.on('renewalFailed', (error) => {
      oracle.count('renewal failed');
      oracle.check(scene.isTyped(error), 'typed', () => `${name}: renewalFailed with ${String(error)}`);
    });
    connection.on('reconnectFailed', (error) => trace.add('client', `${name} reconnectFailed: ${error.message}`));
    connection.on('restoreFailed', (entity, error) => {
      oracle.count('restoreFailed');
      this.restoreFailed = true;
      this.topologyFailed ||= entity === 'the topology';
      const { socket } = connection;
      const again = this.failures.get(entity) === socket && socket !== undefined;
      this.failures.set(entity, socket);
      oracle.check(!again, 'storm', () => `${name}: restoreFailed is told twice for ${entity} on one connection, and not that it is back`); // prettier-ignore
      trace.add('client', `${name} restoreFailed ${entity}: ${String(error)}`);
    });
    connection.on('restored', (entity) => {
      this.failures.delete(entity);
      trace.add('client', `${name} restored ${entity}`);
    });
    connection.on('queueRenamed', (queue, current) => {
      trace.add('client', `${name} queueRenamed ${queue} ${current}`);
      this.queueNames.set(queue, (this.queueNames.get(queue) ?? new Set([queue])).add(current));
    });
    connection.on('blocked', () => {
      oracle.count('blocked');
      this.blocked = true;
    });
    connection.on('unblocked', () => {
      this.blocked = false;
      for (const channel of this.allChannels) channel.onUnblocked();
    });
    connection.on('closed', (error) => {
      const { wire } = this;
      scene.clock.in(LINGER, () => {
        oracle.check(!wire?.live, 'leak', () => `${name}: its socket is open ${LINGER} ms after its end`);
      });
      trace.add('client', `${name} closed: ${error?.message ?? 'by the user'}`);
      this.ended = { error };
      this.endedBlocked = this.blocked;
      this.endedLost ||= error !== undefined;
    });
    // The connection may have closed in the turn in which it opened.
    if (connection.state === 'closed') this.ended ??= { error: undefined };
  }
}
