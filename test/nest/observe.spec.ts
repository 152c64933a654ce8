import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Inbox } from '../support/inbox.js';
import { useNest } from './support/nest-harness.js';

/** A call of a method in an operation, and the calls within it. */
interface Span {
  readonly c: string;
  readonly m: string;
  readonly ch?: readonly Span[];
}

/** What the agent tells of an operation: protocol, name, error, and the calls in it. */
interface Operation {
  readonly p: string;
  readonly op: string;
  readonly e?: object;
  readonly t: readonly Span[];
}

describe('@nestjs/observe', () => {
  const nest = useNest();
  const operations: Operation[] = [];
  let prefix: string;
  let app: ChildProcess;

  beforeAll(async () => {
    prefix = nest.name('observed');
    const program = fileURLToPath(new URL('support/observed-app.mjs', import.meta.url));
    app = spawn(process.execPath, [program, nest.rabbit.url, prefix], { stdio: ['pipe', 'pipe', 'inherit'] });
    const inbox = new Inbox<Operation>();
    createInterface(app.stdout!).on('line', (line) => inbox.add(JSON.parse(line) as Operation));
    // Two orders, the price of each, and a batch.
    while (operations.length < 5) operations.push(await inbox.next());
  });
  afterAll(async () => {
    const ended = once(app, 'exit');
    app.stdin!.end();
    expect(await ended).toEqual([0, null]);
  });

  /** The operations of a queue, those without an error first. */
  const of = (queue: string): Operation[] =>
    operations
      .filter(({ op }) => op === `${prefix}.${queue}`)
      .sort((one, other) => Number(one.e !== undefined) - Number(other.e !== undefined));
  const span = (m: string, e?: unknown): unknown => expect.objectContaining({ c: 'Billing', m, ...(e ? { e } : {}) });

  it('reports the handler of a consumer as an operation of the protocol amqp', () => {
    const [handled, failed, ...others] = of('orders');
    expect(others).toEqual([]);
    expect(handled).toMatchObject({ p: 'amqp', t: [span('onOrder')] });
    expect(handled).not.toHaveProperty('e');
    const e = expect.objectContaining({ cls: 'RpcRemoteError' });
    expect(failed).toMatchObject({ p: 'amqp', t: [span('onOrder', e)], e, a: { sc: 500 } });
  });

  it('reports a request within the handler that makes it', () => {
    for (const { t } of of('orders')) {
      expect(t[0]!.ch).toEqual([expect.objectContaining({ c: 'ConfirmingPublisher', m: 'request' })]);
    }
  });

  it('reports the handler of a request', () => {
    const [answered, failed, ...others] = of('prices');
    expect(others).toEqual([]);
    expect(answered).toMatchObject({ p: 'amqp', t: [span('price')] });
    expect(answered).not.toHaveProperty('e');
    const e = expect.objectContaining({ cls: 'Error', message: 'no such item' });
    expect(failed).toMatchObject({ p: 'amqp', t: [span('price', e)], e, a: { sc: 500 } });
  });

  it('reports the handler of a batch as one operation', () => {
    expect(of('readings')).toEqual([expect.objectContaining({ p: 'amqp', t: [span('onReadings')] })]);
  });
});
