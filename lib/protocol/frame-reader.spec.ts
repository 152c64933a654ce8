import { Buffer } from 'node:buffer';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { WireError } from './errors.js';
import { FrameReader } from './frame-reader.js';
import { FrameWriter } from './frame-writer.js';
import { bytes, cuts, outgoing, patternedBody } from './protocol.arbitraries.js';
import { frame, Receiver, type Arrival } from './receiver.arbitraries.js';

/** Notes every frame, copied: `type channel payload`. */
function reading(frameMax = 4096): { reader: FrameReader; frames: string[] } {
  const frames: string[] = [];
  const note = (type: number) => (channel: number, buffer: Buffer, start: number, end: number) => {
    frames.push(`${type} ${channel} ${buffer.toString('hex', start, end)}`);
  };
  const reader = new FrameReader({
    onMethod: note(1),
    onHeader: note(2),
    onBody: note(3),
    onHeartbeat: () => frames.push('8'),
  });
  reader.frameMax = frameMax;
  return { reader, frames };
}

/** One channel's messages, frame by frame. */
function framesOf(channel: number, sizes: readonly number[]): Buffer[] {
  const writer = new FrameWriter(() => {});
  for (const [index, size] of sizes.entries()) {
    writer.publish(
      channel,
      outgoing('x', `${index}`, false, { messageId: `${channel}` }, patternedBody(size, channel + index)),
    );
  }
  const stream = Buffer.concat(writer.take()?.chunks ?? []);
  const frames: Buffer[] = [];
  for (let at = 0; at < stream.length; at += frames.at(-1)!.length) {
    frames.push(stream.subarray(at, at + 8 + stream.readUInt32BE(at + 3)));
  }
  return frames;
}

const type = fc.constantFrom(1, 2, 3, 8);

describe('FrameReader', () => {
  it('stops between two frames when it may not go on, and takes the rest when it is pushed again', () => {
    const { reader, frames } = reading();
    const all = Buffer.concat([1, 2, 3, 4, 5].map((channel) => frame(3, channel, Buffer.from('body'))));
    let room = 2;
    const goOn = (): boolean => room-- > 0;
    const taken = reader.push(all, goOn);
    expect(frames.map((line) => line.split(' ')[1])).toEqual(['1', '2']);
    expect(taken).toBe((2 * all.length) / 5);
    expect(reader.push(all.subarray(taken, taken), goOn)).toBe(0);
    room = 2;
    // In the middle of the fifth: its beginning is kept.
    const rest = all.subarray(taken, all.length - 3);
    expect(reader.push(rest, goOn)).toBe(rest.length);
    expect(frames).toHaveLength(4);
    reader.push(all.subarray(all.length - 3));
    expect(frames.map((line) => line.split(' ')[1])).toEqual(['1', '2', '3', '4', '5']);
  });

  it('finds the same frames in any partition into chunks, up to the largest frame', () => {
    const payload = fc.oneof(
      bytes(60),
      fc.constantFrom(4087, 4088).map((size) => patternedBody(size, 7)),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(type, fc.nat(65_535), payload), { maxLength: 8 }), cuts, (given, cut) => {
        const { reader, frames } = reading();
        for (const chunk of cut(Buffer.concat(given.map((one) => frame(...one))))) {
          const lent = Buffer.from(chunk);
          reader.push(lent);
          lent.fill(0xee);
        }
        expect(frames).toEqual(
          given.map(([kind, channel, it]) => (kind === 8 ? '8' : `${kind} ${channel} ${it.toString('hex')}`)),
        );
      }),
      { numRuns: 200 },
    );
  });

  it('keeps the contents of channels apart, however their frames are interleaved and cut', () => {
    const sizes = fc.array(fc.constantFrom(0, 1, 100, 4088, 4089, 9000), { maxLength: 4 });
    const order = fc.array(fc.nat(2), { minLength: 1 });
    fc.assert(
      fc.property(fc.tuple(sizes, sizes, sizes), order, cuts, (perChannel, turns, cut) => {
        const queues = perChannel.map((own, index) => framesOf(index + 1, own));
        const alone = queues.map((own) => new Receiver(4096).push(...own).arrivals);
        const stream: Buffer[] = [];
        for (let turn = 0; queues.some((own) => own.length > 0); turn++) {
          const own = queues[turns[turn % turns.length]!]!;
          const next = (own.length > 0 ? own : queues.find((other) => other.length > 0)!).shift()!;
          stream.push(next);
        }
        const { arrivals } = new Receiver(4096).push(...cut(Buffer.concat(stream)));
        const of = (channel: number): Arrival[] => arrivals.filter((arrival) => arrival.channel === channel);
        expect([of(1), of(2), of(3)]).toEqual(alone);
        expect(alone.map((own) => own.map(({ body }) => (body as Buffer).length))).toEqual(perChannel);
      }),
      { numRuns: 60 },
    );
  });

  it('finds the same frames at every split point, and byte by byte', () => {
    const stream = Buffer.concat([frame(8, 0, Buffer.alloc(0)), ...framesOf(1, [700, 0, 3])]);
    const whole = new Receiver(4096).push(stream).arrivals;
    expect(whole).toHaveLength(4);
    const split = Array.from(stream, (_, at) => {
      return new Receiver(4096).push(stream.subarray(0, at), stream.subarray(at)).arrivals;
    });
    expect(split).toEqual(split.map(() => whole));
    const octets = Array.from(stream, (octet) => Buffer.of(octet));
    expect(new Receiver(4096).push(...octets).arrivals).toEqual(whole);
  });

  it('makes of any bytes frames or a WireError, never another error', () => {
    const sizes = fc.array(fc.constantFrom(0, 5, 300), { maxLength: 4 });
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 });
    const changed = fc.tuple(sizes, changes, fc.nat(), fc.boolean()).map(([own, flips, at, cut]) => {
      const stream = Buffer.concat(framesOf(1, own));
      for (const [place, octet] of flips) if (stream.length > 0) stream[place % stream.length] = octet;
      // A splice: what stands before and behind comes from frames that do not belong together.
      const gap = at % (stream.length + 1);
      return cut ? Buffer.concat([stream.subarray(0, gap), stream.subarray(gap + 3)]) : stream;
    });
    fc.assert(
      fc.property(fc.oneof(changed, bytes(100)), cuts, (stream, cut) => {
        try {
          new Receiver(4096, 1000).push(...cut(stream));
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('takes larger frames from the frame on that raises the limit, in the same chunk', () => {
    const large = frame(3, 1, patternedBody(100_000, 1));
    const sizes: number[] = [];
    const reader: FrameReader = new FrameReader({
      onMethod: () => (reader.frameMax = 131_072),
      onHeader: () => {},
      onBody: (_channel, _buffer, start, end) => sizes.push(end - start),
      onHeartbeat: () => {},
    });
    const stream = Buffer.concat([frame(1, 0, Buffer.alloc(4)), large, large]);
    reader.push(stream.subarray(0, 50_000));
    reader.push(stream.subarray(50_000));
    expect(sizes).toEqual([100_000, 100_000]);
  });

  it.each([
    ['says so of its size, before a byte of it came', '010001' + '00000ff9', 501],
    ['would take 4 GiB', '010001' + 'ffffffff', 501],
    ['has an unknown type', '04', 501],
    ['is the protocol header of a server that refuses us', '414d5150', 501],
  ])('refuses a frame that %s', (_what, hex, replyCode) => {
    const refusal = expect.objectContaining({ name: 'WireError', replyCode });
    const input = Buffer.from(hex, 'hex');
    expect(() => reading().reader.push(input)).toThrow(refusal);
    const { reader } = reading();
    expect(() => {
      for (const octet of input) reader.push(Buffer.of(octet));
    }).toThrow(refusal);
  });

  it('refuses a bad end before it hands out the frame', () => {
    const { reader, frames } = reading();
    const good = frame(1, 1, Buffer.from('a'));
    expect(() => reader.push(Buffer.concat([good, frame(1, 1, Buffer.from('b'), 0)]))).toThrow(
      'a frame that ends with 0x0 instead of 0xce',
    );
    expect(frames).toEqual(['1 1 61']);
  });

  it('hands out nothing after stop(), not what was carried either', () => {
    const { reader, frames } = reading();
    const whole = frame(1, 1, Buffer.from('a'));
    reader.push(whole.subarray(0, 8));
    reader.stop();
    reader.push(whole.subarray(8));
    reader.push(whole);
    expect(frames).toEqual([]);
  });

  it('hands out nothing after a stop() within the chunk', () => {
    const frames: number[] = [];
    const reader: FrameReader = new FrameReader({
      onMethod: (channel) => {
        frames.push(channel);
        if (channel === 2) reader.stop();
      },
      onHeader: () => {},
      onBody: () => {},
      onHeartbeat: () => {},
    });
    const stream = Buffer.concat([1, 2, 3].map((channel) => frame(1, channel, Buffer.alloc(4))));
    reader.push(stream.subarray(0, 3));
    reader.push(stream.subarray(3));
    expect(frames).toEqual([1, 2]);
  });
});
