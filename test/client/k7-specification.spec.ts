import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  AccessRefusedError,
  CommandInvalidError,
  ConnectionError,
  type Delivery,
  NotAllowedError,
  PublishNackedError,
  ResourceError,
} from '../../lib/client/index.js';
import { errorOf, eventOf, useClientHarness } from './support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { Settlements, type SettlementSink } from '../../lib/client/consuming/settlements.js';
import type { Peer } from './support/scripted-server.js';

describe('K7 the specification, to the letter', () => {
  const harness = useClientHarness();

  it('K7 the client sends the version of the package, which a version of the user overrides', async () => {
    const server = await harness.server(async (peer) => {
      await peer.handshake();
      peer.agreeToClose();
    });
    await harness.connect({ urls: server.url });
    await harness.connect({ urls: server.url, clientProperties: { version: 'mine' } });
    const told = server.peers.map(({ frames }) => {
      const startOk = frames.find((frame) => frame.kind === 'method' && frame.method.name === 'connection.startOk');
      return startOk?.kind === 'method' && startOk.method.name === 'connection.startOk' && startOk.method.args;
    });
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(told).toMatchObject([{ clientProperties: { version } }, { clientProperties: { version: 'mine' } }]);
  });

  it.each([
    { stage: 'start', code: 506, type: ResourceError },
    { stage: 'tune', code: 403, type: AccessRefusedError },
    { stage: 'open', code: 530, type: NotAllowedError },
  ] as const)(
    'K7 close-ok is written when the broker closes with $code where $stage was due or done',
    async ({ stage, code, type }) => {
      const answers: string[] = [];
      const server = await harness.server(async (peer) => {
        if (stage === 'start') await peer.header();
        else await peer.greet();
        if (stage === 'open') {
          peer.tune();
          await peer.expect('connection.open');
        }
        peer.send(0, 'connection.close', { replyCode: code, replyText: 'no', classId: 0, methodId: 0 });
        await peer.expect('connection.closeOk');
        answers.push('close-ok');
        await peer.closed;
      });
      const error = await errorOf(harness.connect({ urls: server.url }));
      await server.peers[0]!.closed;
      expect(error).toBeInstanceOf(type);
      expect(error).toMatchObject({ replyCode: code, scope: 'connection' });
      expect(answers).toEqual(['close-ok']);
    },
  );

  it('K7 close-ok is written, and the reason reported, while a challenge is being answered', async () => {
    let answer: (response: Buffer) => void = () => undefined;
    const mechanism = {
      name: 'OWN',
      initialResponse: () => Buffer.from('hello'),
      respond: () => new Promise<Buffer>((resolve) => (answer = resolve)),
    };
    const server = await harness.server(async (peer) => {
      await peer.greet({ mechanisms: 'OWN' });
      peer.send(0, 'connection.secure', { challenge: Buffer.from('?') });
      peer.send(0, 'connection.close', { replyCode: 320, replyText: 'shutdown', classId: 0, methodId: 0 });
      await peer.expect('connection.closeOk');
      answer(Buffer.from('!'));
      await peer.closed;
    });
    const error = await errorOf(harness.connect({ urls: server.url, mechanisms: [mechanism] }));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ replyCode: 320 });
  });

  it('K7 basic.ack and basic.nack 0 with multiple settle all outstanding deliveries', async () => {
    for (const method of ['basic.ack', 'basic.nack'] as const) {
      const server = await harness.server(async (peer) => {
        await peer.handshake();
        const channel = await peer.acceptChannel();
        await peer.expect('confirm.select');
        peer.send(channel, 'confirm.selectOk', {});
        for (let n = 0; n < 3; n++) await peer.expect('basic.publish');
        peer.agreeToClose();
        if (method === 'basic.ack') peer.send(channel, method, { deliveryTag: 0, multiple: true });
        else peer.send(channel, method, { deliveryTag: 0, multiple: true, requeue: false });
      });
      const channel = await (await harness.connect({ urls: server.url })).openChannel({ confirm: true });
      const outcomes = await Promise.allSettled([1, 2, 3].map((n) => channel.publish('', 'q', `${n}`)));
      const expected = method === 'basic.ack' ? [1, 2, 3] : Array(3).fill(expect.any(PublishNackedError));
      expect(outcomes.map((it) => (it.status === 'fulfilled' ? it.value : (it.reason as unknown)))).toEqual(expected);
      await channel.waitForConfirms({ timeout: 1_000 });
    }
  });

  it('K7 tag 0 without multiple covers no delivery', async () => {
    const server = await harness.server(async (peer) => {
      await peer.handshake();
      const channel = await peer.acceptChannel();
      await peer.expect('confirm.select');
      peer.send(channel, 'confirm.selectOk', {});
      await peer.expect('basic.publish');
      peer.send(channel, 'basic.nack', { deliveryTag: 0, multiple: false, requeue: false });
      peer.send(channel, 'basic.ack', { deliveryTag: 1, multiple: false });
      peer.agreeToClose();
    });
    const channel = await (await harness.connect({ urls: server.url })).openChannel({ confirm: true });
    expect(await channel.publish('', 'q', 'x')).toBe(1);
  });

  /** Opens a consumer that receives deliveries with these tags. */
  async function delivered(tags: readonly number[]) {
    let broker!: Peer;
    const server = await harness.server(async (peer) => {
      broker = peer;
      await peer.handshake();
      const channel = await peer.acceptChannel();
      await peer.acceptConsumer('tag');
      for (const deliveryTag of tags) {
        const args = { consumerTag: 'tag', deliveryTag, redelivered: false, exchange: '', routingKey: '' };
        peer.content(channel, 'basic.deliver', args, {}, Buffer.from(`${deliveryTag}`));
      }
      peer.agreeToClose();
    });
    const connection = await harness.connect({ urls: server.url, reconnect: false });
    const channel = await connection.openChannel();
    const inbox = new Inbox<Delivery>();
    await channel.basicConsume('q', inbox.add);
    return { broker, connection, inbox };
  }

  it('K7 delivery tags with gaps, up to 2^53 wide, are settled as received', async () => {
    const tags = [2, 3, 700, 701, 1_000_000, 2 ** 40, Number.MAX_SAFE_INTEGER];
    const { broker, connection, inbox } = await delivered(tags);
    const deliveries = await inbox.take(tags.length);
    expect(deliveries.map(({ deliveryTag }) => deliveryTag)).toEqual(tags);
    for (const index of [4, 0, 2, 1, 6]) deliveries[index]!.ack();
    await new Promise((resolve) => setImmediate(resolve));
    deliveries[3]!.nack();
    deliveries[5]!.ack({ multiple: true });
    await connection.close();
    const sent = broker.frames.flatMap((frame) => {
      if (frame.kind !== 'method' || !/^basic[.]n?ack$/.test(frame.method.name)) return [];
      const { deliveryTag, multiple } = frame.method.args as { deliveryTag: number; multiple: boolean };
      return [`${frame.method.name} ${deliveryTag}${multiple ? ' multiple' : ''}`];
    });
    expect(sent).toEqual([
      'basic.ack 700 multiple',
      'basic.ack 1000000',
      `basic.ack ${Number.MAX_SAFE_INTEGER}`,
      'basic.nack 701',
      `basic.ack ${2 ** 40} multiple`,
    ]);
  });

  it.each([
    [1, 1],
    [5, 4],
    [0, 1],
  ])('K7 delivery tag %d and then %d: refused with 503, since tags must grow', async (...tags) => {
    const server = await harness.server(async (peer) => {
      await peer.handshake();
      const channel = await peer.acceptChannel();
      await peer.acceptConsumer('tag');
      for (const deliveryTag of tags) {
        const args = { consumerTag: 'tag', deliveryTag, redelivered: false, exchange: '', routingKey: '' };
        peer.content(channel, 'basic.deliver', args, {}, Buffer.from('x'));
      }
    });
    const connection = await harness.connect({ urls: server.url, reconnect: false });
    const lost = eventOf<[Error]>(connection, 'disconnected');
    await (await connection.openChannel()).basicConsume('q', () => undefined);
    expect((await lost)[0].cause).toBeInstanceOf(CommandInvalidError);
  });
});

describe('K7 settlements, against a model', () => {
  /** Models the unacknowledged deliveries of the broker, which receives the acks and nacks. */
  class Model implements SettlementSink {
    readonly logger = { warn: () => undefined };
    readonly unacked = new Set<number>();
    readonly outcomes = new Map<number, string>();
    private flushes: (() => void)[] = [];

    ack(deliveryTag: number, multiple: boolean): void {
      this.settle('ack', deliveryTag, multiple);
    }

    nack(deliveryTag: number, multiple: boolean, requeue: boolean): void {
      this.settle(requeue ? 'requeue' : 'reject', deliveryTag, multiple);
    }

    atFlush(flush: () => void): void {
      this.flushes.push(flush);
    }

    flush(): void {
      for (const flush of this.flushes.splice(0)) flush();
    }

    private settle(outcome: string, deliveryTag: number, multiple: boolean): void {
      if (!this.unacked.has(deliveryTag)) throw new Error(`PRECONDITION_FAILED - unknown delivery tag ${deliveryTag}`);
      for (const tag of [...this.unacked]) {
        if (tag !== deliveryTag && !(multiple && tag < deliveryTag)) continue;
        this.unacked.delete(tag);
        this.outcomes.set(tag, outcome);
      }
    }
  }

  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('deliver' as const), gap: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 500 })), count: fc.nat(90) }) }, // prettier-ignore
    { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('ack', 'requeue', 'reject'), which: fc.nat(), multiple: fc.boolean() }) }, // prettier-ignore
    { weight: 2, arbitrary: fc.record({ do: fc.constant('flush' as const) }) },
  );

  it('K7 the broker receives each settlement exactly once, in any order and with any gaps', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const broker = new Model();
        const settlements = new Settlements(broker);
        const [open, expected]: [number[], Map<number, string>] = [[], new Map()];
        let tag = 0;
        for (const it of steps) {
          if (it.do === 'deliver' && 'gap' in it) {
            for (let n = 0; n <= it.count; n++) {
              tag += n === 0 ? it.gap : 1;
              broker.unacked.add(tag);
              settlements.delivered(tag, false);
              open.push(tag);
            }
          } else if (it.do === 'flush') broker.flush();
          else if ('which' in it && open.length > 0) {
            const index = it.which % open.length;
            const deliveryTag = open[index]!;
            const first = it.multiple && it.which % 7 === 0 ? 0 : index;
            for (const settled of open.splice(first, index - first + 1)) expected.set(settled, it.do);
            if (it.do === 'ack') settlements.ack(deliveryTag, first !== index || (it.multiple && it.which % 7 === 0));
            else settlements.nack(deliveryTag, first !== index || (it.multiple && it.which % 7 === 0), it.do === 'requeue'); // prettier-ignore
          }
        }
        settlements.flush();
        expect(broker.outcomes).toEqual(expected);
        expect([...broker.unacked]).toEqual(open);
      }),
      { numRuns: 300 },
    );
  });

  it('K7 an unsettled delivery reserves no memory for the millions after it', () => {
    const broker = new Model();
    const settlements = new Settlements(broker);
    broker.unacked.add(1);
    settlements.delivered(1, false);
    for (let tag = 2; tag <= 200_000; tag++) {
      broker.unacked.add(tag);
      settlements.delivered(tag, false);
      settlements.ack(tag, false);
      if (tag % 50 === 0) broker.flush();
    }
    broker.flush();
    expect([...broker.unacked]).toEqual([1]);
    expect((settlements as unknown as { states: Uint8Array }).states.length).toBeLessThanOrEqual(256);
    settlements.ack(1, false);
    broker.flush();
    expect(broker.unacked.size).toBe(0);
  });
});
