import type { EmbeddedBroker } from '../../../lib/broker/index.js';
import type { Wire, WireFault } from '../engine/wire.js';
import { MethodTraps } from './method-traps.js';
import type { Scene } from './scene.js';
import { FAIR_WEATHER, type Step } from './steps.js';
import { EXPIRY_SLACK } from './tokens.js';
import { runTransaction } from './transactions.js';
import type { UserChannel } from './user-channel.js';
import { UserConnection } from './user-connection.js';

/** Steps of the world that break something. */
const FAULTS: ReadonlySet<Step['kind']> = new Set([
  'halfOpen', 'reset', 'fin', 'blackHole', 'truncate', 'freeze', 'nodeDown', 'crash', 'shutDown', 'smaller', 'block', 'cancelConsumers', 'drop',
  'stall', 'lag', 'loseLeader', 'corruptFrame', 'refuseLogins', 'tokens', 'closeAtOnce', 'channelError', 'brokerClosesChannel',
] as const); // prettier-ignore

/** Rounding error of sums of times, ms. */
const ROUNDING = 0.001;

/** Carries out the steps of users, on connections and channels, and those of the world, on network and broker. */
export class Director {
  readonly connections = new Map<number, UserConnection>();
  readonly allConnections: UserConnection[] = [];
  /** The time until which the broker is down. A later step overrides it. */
  private downUntil = 0;
  private readonly until = new Map<string, number>();
  private readonly traps: MethodTraps;

  constructor(private readonly scene: Scene) {
    this.traps = new MethodTraps(scene, this);
    scene.cluster.tokens.onExpired = (name) => this.mustHaveLeft(name);
    scene.cluster.leaders.excuses = (wire, id) => !scene.cluster.fair || !this.comesBack(wire, id);
  }

  private get broker(): EmbeddedBroker {
    return this.scene.cluster.broker;
  }

  carryOut(step: Step): void {
    const { scene } = this;
    scene.oracle.count(`step: ${step.kind}`);
    if (FAULTS.has(step.kind)) scene.faults++;
    scene.trace.add('step', JSON.stringify(step));
    switch (step.kind) {
      case 'connect': {
        if (this.connections.has(step.conn) && !this.connections.get(step.conn)!.ended) return;
        const connection = new UserConnection(scene, `c${this.allConnections.length}`);
        this.connections.set(step.conn, connection);
        this.allConnections.push(connection);
        return connection.open(step);
      }
      case 'closeConnection':
        return this.connections.get(step.conn)?.close(step.timeout);
      case 'openChannel':
        return this.connections.get(step.conn)?.openChannel(step);
      case 'transaction':
        return runTransaction(scene, this.connections.get(step.conn), step);
      case 'drainEvents': {
        const connection = this.connections.get(step.conn)?.connection;
        if (connection) scene.promises.watch('drainEvents', () => connection.drainEvents({ timeout: step.timeout }), { within: step.timeout }); // prettier-ignore
        return;
      }
      case 'updateSecret':
        return this.connections.get(step.conn)?.updateSecret();
      case 'trap':
        return this.traps.add(step);
      case 'putIn':
        return scene.cluster.putIn(step.queue, step.count);
      case 'tokens':
        return scene.cluster.tokens.breakDown(step.fault, step.ms);
      case 'loseLeader':
        return scene.cluster.leaders.lose(step.ms);
      case 'halfOpen':
      case 'reset':
      case 'fin':
      case 'blackHole':
      case 'truncate':
      case 'freeze':
        return this.toWire(step, this.connections.get(step.conn)?.wire);
      case 'weather':
      case 'nodeDown':
      case 'nodeUp':
      case 'crash':
      case 'shutDown':
      case 'smaller':
      case 'block':
      case 'nackNext':
      case 'returnNext':
      case 'cancelConsumers':
      case 'drop':
      case 'stall':
      case 'lag':
      case 'corruptFrame':
      case 'refuseLogins':
      case 'closeAtOnce':
        return this.toBroker(step);
      default: {
        const channel = this.connections.get(step.conn)?.channels.get(step.ch);
        if (channel) this.onChannel(step, channel);
      }
    }
  }

  private onChannel(step: Step, channel: UserChannel): void {
    switch (step.kind) {
      case 'closeChannel':
        return channel.close(step.timeout);
      case 'publish':
        return channel.publisher.publish(step.what);
      case 'waitForConfirms':
        return channel.publisher.waitForConfirms(step.timeout);
      case 'declareQueue':
        return channel.topology.declareQueue(step);
      case 'deleteQueue':
        return channel.topology.deleteQueue(step);
      case 'purgeQueue':
        return channel.topology.purgeQueue(step);
      case 'declareExchange':
        return channel.topology.declareExchange(step);
      case 'deleteExchange':
        return channel.topology.deleteExchange(step);
      case 'bind':
      case 'unbind':
        return channel.topology.bind(step);
      case 'bindExchange':
      case 'unbindExchange':
        return channel.topology.bindExchange(step);
      case 'consume':
        return channel.consume(step);
      case 'iterate':
        return channel.iterate(step);
      case 'cancel':
        return channel.consumers.get(step.slot)?.cancel(step);
      case 'get':
        return channel.get(step);
      case 'settleHeld':
        return channel.settleHeld(step.how);
      case 'qos':
        return channel.qos(step);
      case 'confirmSelect':
        return channel.confirmSelect();
      case 'recover':
        return channel.recover(step.async);
      case 'flow':
        return channel.flow();
      case 'brokerClosesChannel':
        return channel.closedByBroker();
      case 'flood':
        return channel.flood(step);
      case 'channelError':
        return channel.error(step.how);
      default:
    }
  }

  private toWire(fault: WireFault, wire: Wire | undefined): void {
    if (!wire?.live) return;
    wire.befall(fault);
    if (fault.kind === 'blackHole') this.mustNotice(wire);
  }

  private toBroker(step: Step): void {
    const { scene, broker } = this;
    const { network } = scene.cluster;
    const { faults } = broker;
    switch (step.kind) {
      case 'weather':
        return network.setWeather(step.weather);
      case 'nodeDown':
        if (step.node >= network.nodes.length) return;
        network.nodes[step.node] = step.silent ? 'silent' : 'refuses';
        for (const wire of network.open) {
          if (wire.node !== step.node) continue;
          if (step.silent) {
            wire.befall({ kind: 'blackHole', direction: 'both' });
            this.mustNotice(wire);
          } else wire.reset();
        }
        return;
      case 'nodeUp':
        if (step.node < network.nodes.length && this.downUntil <= scene.clock.now) network.nodes[step.node] = 'up';
        return;
      case 'crash':
        scene.cluster.crash(step.forget === true);
        return this.down(step.ms);
      case 'shutDown':
        faults.drop('close');
        return this.down(step.ms);
      case 'smaller':
        return scene.cluster.makeSmaller(step.channelMax, step.frameMax);
      case 'block':
        faults.block();
        return this.later('block', step.ms, () => faults.unblock());
      case 'nackNext':
      case 'returnNext':
        return scene.cluster.refuseNext(step);
      case 'cancelConsumers':
        return void faults.cancelConsumers(step.queue === undefined ? {} : { queue: step.queue });
      case 'drop':
        return void faults.drop(step.how);
      case 'stall':
        faults.stall();
        return this.later('stall', step.ms, () => faults.resume());
      case 'lag':
        faults.delay(step.by);
        return this.later('lag', step.ms, () => faults.delay(0));
      case 'corruptFrame':
        scene.cluster.bytesBroken = true;
        return void faults.corruptFrame();
      case 'refuseLogins':
        return faults.refuseLogins(step.count);
      case 'closeAtOnce':
        return scene.cluster.closeRightAfterHandshake(step.count, step.how);
      default:
    }
  }

  /** Called when a client's method has reached the broker. */
  onMethod(name: string, connection: string, channel: number): void {
    this.traps.onMethod(name, connection, channel);
  }

  /** Returns whether the user has the channel open on the connection's present wire, so that the client may open it again. */
  private comesBack(wire: number, id: number): boolean {
    const owner = this.allConnections.find((connection) => connection.wire?.id === wire);
    const user = owner?.allChannels.find(({ channel, isOver }) => channel?.id === id && !isOver);
    return owner?.closeAsked === false && user !== undefined && user.settings.restore !== false;
  }

  /** Checks that the client gives up a silent peer within two heartbeats of the last byte. */
  private mustNotice(wire: Wire): void {
    const { scene } = this;
    const { heartbeat } = scene.settings;
    const owner = this.allConnections.find(({ wires }) => wires.includes(wire));
    if (heartbeat === 0 || !owner?.connection) return;
    const look = (): void => {
      const due = wire.lastHeard + 2_000 * heartbeat + 60;
      if (owner.connection!.socket !== wire.client) return;
      const left = due - scene.clock.now;
      if (left > ROUNDING) return void scene.clock.in(left, look);
      scene.oracle.fail('heartbeat', `${owner.name}: the broker has been silent for ${scene.clock.now - wire.lastHeard} ms, and its connection is used; heartbeat ${heartbeat} s`); // prettier-ignore
    };
    look();
  }

  /** Checks that the client has left a connection whose last token has expired. */
  private mustHaveLeft(name: string): void {
    const { clock, oracle } = this.scene;
    const user = this.allConnections.find((connection) => connection.name === name);
    const { connection } = user ?? {};
    const socket = connection?.socket;
    const check = (): void => {
      const used = socket !== undefined && connection?.socket === socket && !user?.closeAsked;
      oracle.check(!used, 'expired', () => `${name} is used though its token has expired`);
    };
    // The token may have expired during the handshake, whose end came later.
    if (connection?.state === 'reconnecting') clock.in(EXPIRY_SLACK, check);
    else check();
  }

  private down(ms: number): void {
    const { clock, cluster } = this.scene;
    const { nodes } = cluster.network;
    nodes.fill('refuses');
    this.downUntil = Math.max(this.downUntil, clock.now + ms);
    clock.in(ms, () => {
      if (this.downUntil <= clock.now) nodes.fill('up');
    });
  }

  /** Ends a state of the broker after `ms`, unless it has been made longer meanwhile. */
  private later(what: string, ms: number, end: () => void): void {
    const { clock } = this.scene;
    const until = Math.max(this.until.get(what) ?? 0, clock.now + ms);
    this.until.set(what, until);
    clock.in(ms, () => {
      if (this.until.get(what)! <= clock.now) end();
    });
  }

  /** Begins peace: nothing breaks any more, and all users behave well. */
  makePeace(): void {
    const { scene } = this;
    const { network } = scene.cluster;
    scene.peaceSince = scene.clock.now;
    scene.trace.add('step', 'peace');
    this.traps.clear();
    scene.cluster.forgetFaults();
    scene.cluster.tokens.recover();
    scene.cluster.closeRightAfterHandshake(0, 'end');
    network.nodes.fill('up');
    network.setWeather(FAIR_WEATHER);
    for (const wire of network.open) wire.mend();
    // Without heartbeats, no side would ever notice the loss.
    if (scene.settings.heartbeat === 0) for (const wire of network.open) if (wire.lossy) wire.reset();
    this.settleAll();
  }

  /** Acks all deliveries that users hold. */
  settleAll(): void {
    for (const connection of this.allConnections) {
      for (const channel of connection.allChannels) channel.settleHeld('ack');
    }
  }
}
