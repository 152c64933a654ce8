import { Buffer } from 'node:buffer';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EncodingError } from './errors.js';
import { FrameWriter, type Batch } from './frame-writer.js';
import { messageProperties, method, methodNames, outgoing, patternedBody, shortstr } from './protocol.arbitraries.js';
import { Receiver, type Arrival } from './receiver.arbitraries.js';
import { methods as spec } from './spec.js';
import type { MessageProperties } from './types.js';

const SLAB = 64 * 1024;
const DIRECT = 16 * 1024;
const HUGE = 'x'.repeat(200_000);

/** One action of a connection on its writer, and the frames that arrive because of it. */
type Step =
  | { readonly does: 'send'; readonly run: (writer: FrameWriter) => void; readonly arrival: Arrival }
  | { readonly does: 'fail'; readonly run: (writer: FrameWriter) => void }
  | { readonly does: 'take' }
  | { readonly does: 'recycle' };

const channel = fc.integer({ min: 1, max: 3 });
/** Around one frame and two (of either frame-max), the size from which bodies are not copied, and a slab. */
const edges = [4088, 2 * 4088, 20_000 - 8, DIRECT, SLAB, SLAB - 4088].flatMap((size) => [size - 1, size, size + 1]);
const body = fc
  .tuple(fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(...edges, 150_000)), fc.nat(255))
  .map(([size, seed]) => patternedBody(size, seed));
// No tables: larger than a frame they would be refused, which is another step.
const properties = messageProperties.map(({ headers: _headers, ...others }): MessageProperties => others);

const publish = fc.tuple(channel, shortstr, shortstr, fc.boolean(), properties, body).map((args): Step => {
  const [id, exchange, routingKey, mandatory, given, bytes] = args;
  const arrived = { name: 'basic.publish', args: { exchange, routingKey, mandatory, immediate: false } } as const;
  return {
    does: 'send',
    run: (writer) => writer.publish(id, outgoing(exchange, routingKey, mandatory, given, bytes)),
    arrival: { channel: id, method: arrived, properties: given, body: bytes },
  };
});
const withoutTable = (name: (typeof methodNames)[number]): boolean => !Object.values(spec[name].args).includes('table');
const content = fc
  .tuple(channel, method(methodNames.filter((name) => 'content' in spec[name])), properties, body)
  .map(([id, it, given, bytes]): Step => ({
    does: 'send',
    run: (writer) => writer.content(id, it.name, it.args as never, given, bytes),
    arrival: { channel: id, method: it, properties: given, body: bytes },
  }));
const plain = fc
  .tuple(channel, method(methodNames.filter((name) => !('content' in spec[name]) && withoutTable(name))))
  .map(([id, it]): Step => ({
    does: 'send',
    run: (writer) => writer.method(id, it.name, it.args as never),
    arrival: { channel: id, method: it },
  }));
const heartbeat: Step = {
  does: 'send',
  run: (writer) => writer.heartbeat(),
  arrival: { channel: 0, method: undefined },
};
const refused: readonly ((writer: FrameWriter) => void)[] = [
  (writer) => writer.publish(1, outgoing('x'.repeat(256), 'k', false, {}, Buffer.from('lost'))),
  (writer) => writer.publish(1, outgoing('exchange', 'k\ud800', false, {}, Buffer.from('lost'))),
  (writer) => writer.publish(1, outgoing('exchange', 'k', false, { headers: { HUGE } }, Buffer.from('lost'))),
  (writer) => writer.publish(1, outgoing('exchange', 'k', false, { headers: { a: NaN } }, Buffer.alloc(100_000))),
  (writer) => writer.publish(1, outgoing('exchange', 'k', false, { priority: 256 }, Buffer.alloc(100_000))),
  (writer) => writer.content(1, 'basic.return', {} as never, {}, Buffer.from('lost')),
  (writer) =>
    writer.content(
      1,
      'basic.return',
      { replyCode: 312, replyText: 'NO_ROUTE', exchange: '', routingKey: '' },
      { headers: { HUGE } },
      Buffer.from('lost'),
    ),
  (writer) => writer.method(1, 'connection.secureOk', { response: Buffer.from(HUGE) }),
];
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: publish },
  { weight: 2, arbitrary: content },
  { weight: 2, arbitrary: plain },
  { weight: 1, arbitrary: fc.constant(heartbeat) },
  { weight: 2, arbitrary: fc.constantFrom(...refused).map((run): Step => ({ does: 'fail', run })) },
  { weight: 2, arbitrary: fc.constantFrom<Step>({ does: 'take' }, { does: 'recycle' }) },
);

describe('FrameWriter', () => {
  it('sends what was written, whole and in order, with nothing of what was refused, through reused slabs', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.constantFrom(4096, 20_000, 131_072), (steps, frameMax) => {
        let appended = 0;
        const writer = new FrameWriter(() => appended++);
        writer.frameMax = frameMax;
        const receiver = new Receiver(frameMax);
        const sent: Arrival[] = [];
        const unwritten: Batch[] = [];

        /** The socket writes the oldest batch: its bytes are looked at only now, after whatever came since. */
        const recycle = (): void => {
          const batch = unwritten.shift();
          if (!batch) return;
          receiver.push(...batch.chunks);
          for (const slab of batch.slabs) slab.fill(0xdd);
          writer.recycle(batch);
        };
        const take = (): void => {
          const pending = writer.pendingBytes;
          const batch = writer.take();
          expect(batch?.bytes ?? 0).toBe(pending);
          expect(batch?.chunks.reduce((sum, chunk) => sum + chunk.length, 0) ?? 0).toBe(pending);
          expect(writer.pendingBytes).toBe(0);
          if (batch) unwritten.push(batch);
        };

        for (const one of steps) {
          const before = [writer.pendingBytes, appended];
          if (one.does === 'take') take();
          else if (one.does === 'recycle') recycle();
          else if (one.does === 'fail') {
            expect(() => one.run(writer)).toThrow(EncodingError);
            expect([writer.pendingBytes, appended]).toEqual(before);
          } else {
            one.run(writer);
            sent.push(one.arrival);
            expect(appended).toBe(before[1]! + 1);
          }
        }
        take();
        while (unwritten.length > 0) recycle();

        const { arrivals } = receiver;
        expect(arrivals.map(({ body: _body, ...rest }) => rest)).toEqual(sent.map(({ body: _body, ...rest }) => rest));
        // Compared by hand: `toEqual` looks at every byte of a Buffer as if it were an object's key.
        expect(arrivals.filter((it, index) => !sameBytes(it.body, sent[index]!.body))).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it.each([4096, 131_072])('fills frames of %i bytes to the last byte', (frameMax) => {
    const writer = new FrameWriter(() => {});
    writer.frameMax = frameMax;
    const overhead = (size: number): number => {
      writer.publish(1, outgoing('', '', false, {}, Buffer.alloc(size)));
      return writer.take()!.bytes - size;
    };
    const none = overhead(0);
    expect([1, frameMax - 8, frameMax - 7, 2 * (frameMax - 8), 2 * (frameMax - 8) + 1].map(overhead)).toEqual(
      [1, 1, 2, 2, 3].map((frames) => none + 8 * frames),
    );
  });

  it('takes a content header that just fits one frame, and refuses one byte more', () => {
    const writer = new FrameWriter(() => {});
    // Frame and header take 8 + 12, flags 2, the table's length 4, key 2, letter and length 5.
    const room = 4096 - 8 - 12 - 2 - 4 - 2 - 5;
    const publishWith = (size: number) => () =>
      writer.publish(1, outgoing('', 'q', false, { headers: { a: 'x'.repeat(size) } }, Buffer.from('body')));
    expect(publishWith(room + 1)).toThrow(
      new EncodingError(
        'the content header (properties and headers) takes 4089 bytes; one frame of this connection holds 4088',
      ),
    );
    expect(writer.pendingBytes).toBe(0);
    expect(writer.take()).toBeUndefined();
    expect(publishWith(room)).not.toThrow();
    expect(new Receiver(4096).push(...writer.take()!.chunks).arrivals).toHaveLength(1);
  });

  it('copies small bodies, and hands large ones to the socket as they are', () => {
    const writer = new FrameWriter(() => {});
    writer.frameMax = 131_072;
    const small = patternedBody(DIRECT - 1, 1);
    const large = patternedBody(DIRECT, 2);
    writer.publish(1, outgoing('', 'q', false, {}, small));
    small.fill(0);
    writer.publish(1, outgoing('', 'q', false, {}, large));
    const { chunks } = writer.take()!;
    expect(chunks.filter((chunk) => chunk.buffer === large.buffer)).toHaveLength(1);
    const bodies = new Receiver(131_072).push(...chunks).arrivals.map((it) => it.body as Buffer);
    expect(bodies.map((it, at) => it.equals([patternedBody(DIRECT - 1, 1), large][at]!))).toEqual([true, true]);
  });

  it('refuses a body that is not bytes, whose length would be taken for a number of them', () => {
    const writer = new FrameWriter(() => undefined);
    expect(() => writer.publish(1, outgoing('', 'q', false, {}, 'text' as unknown as Uint8Array))).toThrow(
      new TypeError('the body must be a Uint8Array, not string'),
    );
    expect(writer.pendingBytes).toBe(0);
  });

  it('reuses the slabs that it is given back, 4 MiB of them, and no odd sizes', () => {
    const writer = new FrameWriter(() => {});
    const burst = (count: number): Batch => {
      for (let turn = 0; turn < count; turn++) writer.raw(Buffer.alloc(SLAB));
      return writer.take()!;
    };
    const first = burst(100);
    writer.raw(Buffer.alloc(SLAB + 1));
    const large = writer.take()!;
    for (const batch of [large, first]) writer.recycle(batch);
    const next = burst(100);
    const reused = next.slabs.filter((slab) => [...first.slabs, ...large.slabs].includes(slab));
    expect(new Set(next.slabs).size).toBe(next.slabs.length);
    expect(reused.map((slab) => slab.length)).toEqual(new Array(64).fill(SLAB));
  });
});

function sameBytes(a: Arrival['body'], b: Arrival['body']): boolean {
  return a === b || (Buffer.isBuffer(a) && Buffer.isBuffer(b) && a.equals(b));
}
