import { Buffer } from 'node:buffer';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ByteReader, ByteWriter } from './bytes.js';
import { WireError } from './errors.js';
import { FrameWriter } from './frame-writer.js';
import { ACK, DELIVER, NACK, readDeliver, readDeliveryTag, readMultiple } from './hot-methods.js';
import { readMethod, writeMethod } from './methods.js';
import { DeliverNames } from './name-cache.js';
import { argumentsOf, bytes } from './protocol.arbitraries.js';

type Settled = 'basic.ack' | 'basic.nack';

/** Returns the result of `read`, or the marker for a WireError. Any other error fails the test. */
function outcome(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    if (error instanceof WireError) return 'WireError';
    throw error;
  }
}

const byTable = (payload: Buffer, pick: (args: never) => unknown): unknown =>
  outcome(() => pick(readMethod(new ByteReader(payload)).args as never));
const withId = (id: number, rest: Buffer): Buffer => {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(id);
  return Buffer.concat([head, rest]);
};

const deliver = argumentsOf('basic.deliver').map((args) => {
  const writer = new ByteWriter();
  writeMethod(writer, 'basic.deliver', args);
  return Buffer.from(writer.view());
});
/** Right ones, and ones with a byte changed, cut short or lengthened. */
const mutated = fc
  .tuple(deliver, fc.nat(), fc.nat(255), fc.constantFrom('keep', 'change', 'cut', 'lengthen'))
  .map(([payload, at, octet, what]) => {
    const place = 4 + (at % (payload.length - 4));
    if (what === 'cut') return payload.subarray(0, place);
    if (what === 'lengthen') return Buffer.concat([payload, Buffer.of(octet)]);
    if (what === 'change') payload[place] = octet;
    return payload;
  });

/** Returns the bytes that a fresh writer produces. */
function sent(write: (writer: FrameWriter) => void): Buffer {
  const writer = new FrameWriter(() => {});
  write(writer);
  return Buffer.concat(writer.take()!.chunks);
}

describe('the hot writers and the table', () => {
  it('write the same basic.ack and basic.nack, for tags up to 2^53', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 65_535 }), argumentsOf('basic.nack'), (channel, args) => {
        const { deliveryTag, multiple, requeue } = args;
        const ack = { deliveryTag, multiple };
        expect(sent((to) => to.ack(channel, deliveryTag, multiple))).toEqual(
          sent((to) => to.method(channel, 'basic.ack', ack)),
        );
        expect(sent((to) => to.nack(channel, deliveryTag, multiple, requeue))).toEqual(
          sent((to) => to.method(channel, 'basic.nack', args)),
        );
      }),
      { numRuns: 300 },
    );
  });
});

describe('the hot readers and the table', () => {
  it('see the same in a basic.deliver, right or wrong', () => {
    const names = new DeliverNames();
    fc.assert(
      fc.property(
        fc.oneof(
          mutated,
          bytes(40).map((rest) => withId(DELIVER, rest)),
        ),
        (payload) => {
          // Within a larger buffer: what stands before and behind must not matter.
          const around = Buffer.concat([Buffer.alloc(7, 0x11), payload, Buffer.alloc(300, 0x11)]);
          const hot = outcome(() => readDeliver(around, 7, 7 + payload.length, names));
          expect(hot).toEqual(byTable(payload, (args) => args));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it.each<[Settled, number]>([
    ['basic.ack', ACK],
    ['basic.nack', NACK],
  ])('see the same in a %s, right or wrong', (_name, id) => {
    const rest = fc.oneof(fc.uint8Array({ minLength: 9, maxLength: 9 }), fc.uint8Array({ maxLength: 20 }));
    fc.assert(
      fc.property(rest, (octets) => {
        const payload = withId(id, Buffer.from(octets));
        const around = Buffer.concat([Buffer.alloc(7, 0x11), payload, Buffer.alloc(20, 0x11)]);
        const hot = outcome(() => [readDeliveryTag(around, 7, 7 + payload.length), readMultiple(around, 7)]);
        const pick = (args: { deliveryTag: number; multiple: boolean }): unknown => [args.deliveryTag, args.multiple];
        expect(hot).toEqual(byTable(payload, pick));
      }),
      { numRuns: 500 },
    );
  });
});
