import { typed, type FieldTable } from '../../../lib/client/index.js';
import { nameOf } from './binding-book.js';
import type { ChannelBase } from './channel-base.js';
import { exchangeType, queueOptions, type StepOf } from './steps.js';

/** Returns the arguments of a binding as other values that are the same on the wire. */
function sameOnWire(args: number): FieldTable {
  return { n: typed('int32', args), none: undefined, 'x-match': 'all' };
}

/** The declarations, deletions and bindings of a user on one channel. Notes their outcomes in the books. */
export class UserTopology {
  constructor(private readonly on: ChannelBase) {}

  declareQueue({ queue, differently, timeout }: StepOf<'declareQueue'>): void {
    const { scene, owner } = this.on;
    const options = { ...queueOptions(queue), ...(differently ? { arguments: { 'x-max-length': 77 } } : {}), ...(timeout === undefined ? {} : { timeout }) }; // prettier-ignore
    const named = queue.startsWith('named');
    const key = `${owner.name} ${queue}`;
    const name = named ? (scene.named.get(key) ?? '') : queue;
    scene.topology.onDeclaring(owner.name, queue);
    this.on.call(`declareQueue ${queue}`, (channel) => channel.queueDeclare(name, options), timeout, (error, declared) => {
      if (error === undefined && named && declared) scene.named.set(key, (declared as { queue: string }).queue);
      scene.topology.onDeclared(owner.name, queue, error);
    }); // prettier-ignore
  }

  deleteQueue({ queue, timeout }: StepOf<'deleteQueue'>): void {
    const { scene, owner } = this.on;
    const name = this.on.nameOnWire(queue);
    scene.topology.onDeleting(owner.name, queue);
    owner.bindings.deletingQueue(queue);
    const options = timeout === undefined ? {} : { timeout };
    this.on.call(`deleteQueue ${queue}`, (channel) => channel.queueDelete(name, options), timeout, (error) => {
      if (error === undefined) scene.named.delete(`${owner.name} ${queue}`);
      scene.topology.onDeleted(owner.name, queue, error);
    }); // prettier-ignore
  }

  purgeQueue({ queue }: StepOf<'purgeQueue'>): void {
    this.on.call(`purgeQueue ${queue}`, (channel) => channel.queuePurge(queue));
  }

  declareExchange({ exchange, differently }: StepOf<'declareExchange'>): void {
    const type = differently ? 'fanout' : exchangeType(exchange);
    const options = exchange.startsWith('auto') ? { durable: false, autoDelete: true } : {};
    const told = this.on.owner.bindings.declaring(exchange);
    this.on.call(
      `declareExchange ${exchange}`,
      (channel) => channel.exchangeDeclare(exchange, type, options),
      undefined,
      told,
    );
  }

  deleteExchange({ exchange }: StepOf<'deleteExchange'>): void {
    const told = this.on.owner.bindings.deletingExchange(exchange);
    this.on.call(`deleteExchange ${exchange}`, (channel) => channel.exchangeDelete(exchange), undefined, told);
  }

  bind({ queue, exchange, key, args, kind }: StepOf<'bind'> | StepOf<'unbind'>): void {
    const name = this.on.nameOnWire(queue);
    const given = args === undefined ? {} : { 'x-match': 'all', n: args };
    const options = { arguments: kind === 'bind' || args === undefined ? given : sameOnWire(args) };
    const told = this.on.owner.bindings.changing(
      nameOf(exchange, 'queue', queue, key, given),
      kind === 'bind' ? 'there' : 'gone',
    );
    this.on.call(`${kind} ${queue} ${exchange} ${key} ${args ?? ''}`, (channel) =>
      kind === 'bind' ? channel.queueBind(name, exchange, key, options) : channel.queueUnbind(name, exchange, key, options),
      undefined, told,
    ); // prettier-ignore
  }

  bindExchange({ from, to, key, kind }: StepOf<'bindExchange'> | StepOf<'unbindExchange'>): void {
    const told = this.on.owner.bindings.changing(
      nameOf(from, 'exchange', to, key, {}),
      kind === 'bindExchange' ? 'there' : 'gone',
    );
    this.on.call(`${kind} ${to} to ${from} ${key}`, (channel) =>
      kind === 'bindExchange' ? channel.exchangeBind(to, from, key) : channel.exchangeUnbind(to, from, key),
      undefined, told,
    ); // prettier-ignore
  }
}
