import type { EmbeddedBroker, JournalEntry } from '../../../lib/broker/index.js';
import { simulatedBroker } from '../simulated-broker.js';
import { preconditionFailed } from '../../../lib/broker/errors.js';
import { Network } from '../engine/network.js';
import type { Oracle } from '../engine/oracle.js';
import type { Prng } from '../engine/prng.js';
import type { Trace } from '../engine/trace.js';
import type { VirtualClock } from '../engine/virtual-clock.js';
import type { Wire } from '../engine/wire.js';
import { bodyOf, propertiesOf } from './messages.js';
import { nameOf } from './binding-book.js';
import { Ghosts } from './ghosts.js';
import { Leaders, type FaultyChannel } from './leaders.js';
import { keyOf, type Ledger } from './ledger.js';
import { PromptClock } from './prompt-clock.js';
import { FAIR_WEATHER, type CoreSettings, type StepOf } from './steps.js';
import { Tokens } from './tokens.js';

type RefuseStep = Pick<StepOf<'nackNext'> | StepOf<'returnNext'>, 'kind' | 'count' | 'after'>;

/** Internals of a virtual host: its exchanges and bindings. */
interface InnerVhost {
  readonly exchanges: ReadonlyMap<string, InnerExchange>;
}

interface InnerExchange {
  readonly name: string;
  readonly outbound: ReadonlyMap<string, InnerBinding>;
}

interface InnerBinding {
  readonly destination: { readonly kind: 'queue' | 'exchange'; readonly name: string };
  readonly routingKey: string;
  readonly arguments: object;
}

/** Internals of a session, for closing one of its channels and for reading which are open. */
interface InnerSession {
  readonly transport: { readonly socket: unknown };
  readonly channels: ReadonlyMap<number, InnerChannel>;
  onError(channel: InnerChannel, error: Error, method: undefined): void;
}

interface InnerChannel extends FaultyChannel {
  readonly closing: boolean;
  readonly consuming: { readonly consumers: ReadonlyMap<string, { readonly prefetch: number }> };
}

/** A channel that the broker has open. */
export interface ChannelThere {
  readonly id: number;
  /** The broker has sent channel.close and waits for the answer. */
  readonly closing: boolean;
  /** Prefetch by consumer tag. */
  readonly prefetches: ReadonlyMap<string, number>;
}

/** Reply codes for clients that violate the protocol. */
const PROTOCOL_ERRORS: ReadonlySet<number> = new Set([501, 502, 503, 504, 505, 530, 540, 541]);

/** The broker behind all nodes and the network before them. Reports the events of both to the ledger. */
export class Cluster {
  readonly network: Network;
  readonly broker: EmbeddedBroker;
  private readonly refusals: { readonly step: RefuseStep; left: number }[] = [];
  private closeAtOnce: { left: number; how: 'close' | 'end' } = { left: 0, how: 'end' };
  private readonly wireOf = new Map<number, Wire>();
  private readonly nameOf = new Map<number, string>();
  /** The number of openings of each channel of each wire. */
  private readonly openings = new Map<string, number>();
  /** Called with each method that a client has sent. */
  onMethod: (name: string, connection: string, channel: number, args: Record<string, unknown>) => void = () => {};
  /** Called with each method on a wire whose client is gone. It may come after methods of the client's next connection. */
  onLate: (name: string, args: Record<string, unknown>) => void = () => {};
  /** The simulation has broken bytes, so the client may violate the protocol. */
  bytesBroken = false;
  channelMaxLowered = false;
  readonly leaders: Leaders;
  readonly ghosts = new Ghosts();
  readonly tokens: Tokens;

  constructor(
    private readonly clock: VirtualClock,
    random: Prng,
    settings: CoreSettings,
    private readonly oracle: Oracle,
    private readonly ledger: Ledger,
    private readonly trace: Trace,
  ) {
    this.leaders = new Leaders(clock, oracle);
    this.tokens = new Tokens(clock, oracle, settings.tokens);
    const prompt = new PromptClock(clock.for('broker'));
    this.broker = simulatedBroker(clock, random, oracle, trace, settings.answersWithinWrite ? prompt : undefined, settings.tokens && this.tokens.check); // prettier-ignore
    this.network = new Network(clock, random.split('network'), FAIR_WEATHER, settings.nodes, (node, socket, wire) =>
      this.accept(node, socket, wire),
    );
    if (settings.answersWithinWrite) this.network.answer = () => prompt.runWaiting();
    this.broker.journal.watch((entry) => this.onEntry(entry));
  }

  private sessions = 0;

  private accept(_node: number, socket: Parameters<EmbeddedBroker['attach']>[0], wire: Wire): void {
    this.wireOf.set(++this.sessions, wire);
    this.broker.attach(socket);
  }

  /** Returns how many times the channel was opened on its wire. */
  generation(wire: number, channel: number): number {
    return this.openings.get(`${wire}/${channel}`) ?? 0;
  }

  /** The next `count` connections are closed right after their handshake. */
  closeRightAfterHandshake(left: number, how: 'close' | 'end'): void {
    this.closeAtOnce = { left, how };
  }

  /** Kills the broker's process: every wire ends without a close. @param forget the disk is lost, too */
  crash(forget: boolean): void {
    for (const wire of this.network.open) wire.befall({ kind: 'fin' });
    this.broker.restart({ keep: forget ? 'nothing' : 'durable' });
    if (forget) this.ledger.onForgotten();
  }

  /** Exchanges, and bindings as `nameOf` names them. */
  get routing(): { readonly exchanges: ReadonlySet<string>; readonly bindings: ReadonlySet<string> } {
    const { vhosts } = this.broker as unknown as { vhosts: ReadonlyMap<string, InnerVhost> };
    const { exchanges } = vhosts.get('/')!;
    const bindings = new Set<string>();
    for (const { name, outbound } of exchanges.values()) {
      for (const { destination, routingKey, arguments: args } of outbound.values()) {
        bindings.add(nameOf(name, destination.kind, destination.name, routingKey, args));
      }
    }
    return { exchanges: new Set(exchanges.keys()), bindings };
  }

  /** The network is fast. */
  get fair(): boolean {
    const { latency, bandwidth } = this.network.weather;
    return latency[1] <= 40 && bandwidth === 0;
  }

  /** Puts messages into a queue, as from another client. */
  putIn(queue: string, count: number): void {
    if (!this.broker.queues.some(({ name }) => name === queue)) return;
    for (let index = 0; index < count; index++) {
      const id = this.ledger.newId();
      this.ledger.add({ id, channel: 'flood', index: id, exchange: '', key: queue, mandatory: false, persistent: true, size: 20, mayRepeat: false, twin: false, rolledBack: false, promise: 'handed', writings: 0, outcomes: [] }); // prettier-ignore
      const properties = propertiesOf(id, { exchange: '', key: queue, count: 1, size: 20 });
      this.broker.publish({ routingKey: queue, body: bodyOf(id, 20, true), properties });
    }
  }

  /** The broker closes a channel, as for an acknowledgement that is overdue. */
  closeChannel(wire: Wire, channel: number): void {
    const session = this.session(wire);
    const there = session?.channels.get(channel);
    if (there && !there.closing)
      session!.onError(there, preconditionFailed('delivery acknowledgement timed out'), undefined);
  }

  /** Returns the channels that the broker has open on a wire. */
  channelsOn(wire: Wire): readonly ChannelThere[] {
    return [...(this.session(wire)?.channels ?? [])].map(([id, { closing, consuming }]) => ({
      id,
      closing,
      prefetches: new Map([...consuming.consumers].map(([tag, { prefetch }]) => [tag, prefetch])),
    }));
  }

  private session(wire: Wire): InnerSession | undefined {
    const { clients } = this.broker as unknown as { clients: { all: readonly InnerSession[] } };
    return clients.all.find(({ transport }) => transport.socket === wire.broker);
  }

  /** Refuses the next publishes, or publishes after the next few. */
  refuseNext(step: RefuseStep): void {
    if (step.after !== undefined && step.after > 0) this.refusals.push({ step, left: step.after });
    else if (step.kind === 'nackNext') this.broker.faults.nackNext(step.count);
    else this.broker.faults.returnNext(step.count);
  }

  forgetFaults(): void {
    this.refusals.length = 0;
    this.leaders.comeBack();
    this.broker.faults.clear();
  }

  private countRefusals(): void {
    for (const refusal of [...this.refusals]) {
      if (--refusal.left > 0) continue;
      this.refusals.splice(this.refusals.indexOf(refusal), 1);
      this.refuseNext({ kind: refusal.step.kind, count: refusal.step.count });
    }
  }

  /** Lowers the limits for new connections, as another node may after a failover. */
  makeSmaller(channelMax: number, frameMax: number): void {
    this.channelMaxLowered = true;
    Object.assign((this.broker as unknown as { options: object }).options, { channelMax, frameMax });
  }

  private onEntry(entry: JournalEntry): void {
    switch (entry.kind) {
      case 'connected': {
        this.nameOf.set(entry.connection, entry.name);
        this.ghosts.onConnected(entry.name, entry.connection);
        this.oracle.count('connected');
        this.trace.add('broker', `connected ${this.wireId(entry.connection)} ${entry.name}`);
        if (this.closeAtOnce.left > 0) {
          this.closeAtOnce.left--;
          const { how } = this.closeAtOnce;
          this.clock.in(0, () => void this.broker.faults.drop(how, { id: entry.connection }));
        }
        return this.onMethod('connected', entry.name, 0, {});
      }
      case 'method': {
        const wire = this.wireId(entry.connection);
        if (entry.name === 'channel.open') {
          const at = `${wire}/${entry.channel}`;
          this.openings.set(at, (this.openings.get(at) ?? 0) + 1);
          const there = this.session(this.wireOf.get(entry.connection)!)?.channels.get(entry.channel);
          if (there) this.leaders.onOpen(wire, entry.channel, there);
        }
        this.oracle.count(`method: ${entry.name}`);
        if (this.trace.wanted) this.trace.add('broker', `${wire}/${entry.channel} ${entry.name} ${brief(entry.args)}`);
        const args = entry.args as Record<string, unknown>;
        this.ghosts.onMethod(entry.name, entry.connection, args);
        if (this.wireOf.get(entry.connection)?.client.destroyed) this.onLate(entry.name, args);
        if (entry.name === 'channel.close') {
          this.ledger.onClosing(`${wire}/${entry.channel}.${this.generation(wire, entry.channel)}`);
        }
        return this.onMethod(entry.name, this.nameOf.get(entry.connection) ?? '', entry.channel, args);
      }
      case 'published': {
        const wire = this.wireId(entry.connection);
        const id = idIn(entry.message);
        this.trace.add('broker', `${wire}/${entry.channel} published ${id} ${entry.outcome} to ${entry.queues.join()}`);
        const opening = `${wire}/${entry.channel}.${this.generation(wire, entry.channel)}`;
        this.countRefusals();
        return this.ledger.onPublish(id, entry.mandatory, entry.outcome, entry.queues, opening);
      }
      case 'delivered': {
        const wire = this.wireId(entry.connection);
        const { channel, queue, deliveryTag, noAck, redelivered, consumerTag } = entry;
        const generation = this.generation(wire, channel);
        const message = idIn(entry.message);
        this.trace.add('broker', `${wire}/${channel} delivers ${message} of ${queue} as ${deliveryTag}${noAck ? ' (no ack)' : ''}${redelivered ? ' again' : ''}`); // prettier-ignore
        const delivered = { message, queue, noAck, redelivered, wire, channel, generation, consumerTag, handed: false, settled: false }; // prettier-ignore
        return this.ledger.onDelivered(keyOf(wire, channel, generation, deliveryTag), delivered);
      }
      case 'settled': {
        const wire = this.wireId(entry.connection);
        const key = keyOf(wire, entry.channel, this.generation(wire, entry.channel), entry.deliveryTag);
        this.trace.add('broker', `${key} settled: ${entry.outcome}`);
        return this.ledger.onSettled(key, entry.outcome);
      }
      case 'failed': {
        this.trace.add('broker', `${this.wireId(entry.connection)}/${entry.channel} fails: ${entry.replyCode} ${entry.replyText}`); // prettier-ignore
        this.oracle.count(`failed: ${entry.replyCode}`);
        const blamed = PROTOCOL_ERRORS.has(entry.replyCode) || entry.replyText.includes('unknown delivery tag');
        const secret = entry.replyText.includes('New secret was refused');
        const excused = secret || this.bytesBroken || (entry.replyCode === 530 && this.channelMaxLowered);
        if (blamed && !excused) this.oracle.fail('protocol', `the broker closes wire ${this.wireId(entry.connection)}, channel ${entry.channel}: ${entry.replyCode} ${entry.replyText}`); // prettier-ignore
        return;
      }
      case 'disconnected':
        this.ghosts.onDisconnected(this.nameOf.get(entry.connection) ?? '', entry.connection);
        if (entry.reason === 'closed by the client') this.wireOf.get(entry.connection)!.saidGoodbye = true;
        return this.trace.add('broker', `disconnected ${this.wireId(entry.connection)}: ${entry.reason}`);
      case 'fault':
        return this.trace.add('broker', `fault: ${entry.fault}, ${entry.detail}`);
      default:
        return;
    }
  }

  private wireId(connection: number): number {
    return this.wireOf.get(connection)?.id ?? 0;
  }
}

/** Returns the id of a message, from the start of its body or from its message id. */
export function idIn(message: {
  readonly body: Buffer;
  readonly properties: { readonly messageId?: string | undefined };
}): number {
  const text = message.body.toString('latin1', 0, 12);
  const [, id] = /^m(\d+)\./.exec(text) ?? /^m(\d+)$/.exec(message.properties.messageId ?? '') ?? [];
  return Number(id ?? -1);
}

function brief(args: object): string {
  return JSON.stringify(
    args,
    (key, value: unknown) =>
    value === false || value === '' || key === 'noWait' ? undefined : typeof value === 'object' && key !== '' && JSON.stringify(value) === '{}' ? undefined : value, // prettier-ignore
  );
}
