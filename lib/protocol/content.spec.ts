import { Buffer } from 'node:buffer';
import { describe, expect, it } from '@jest/globals';
import { ContentAssembler } from './content.js';
import { FrameWriter } from './frame-writer.js';
import { frame, Receiver } from './receiver.arbitraries.js';
import { FrameType } from './spec.js';

function header(size: bigint, properties = Buffer.alloc(2)): Buffer {
  const fixed = Buffer.alloc(12);
  fixed.writeUInt16BE(60, 0);
  fixed.writeBigUInt64BE(size, 4);
  return Buffer.concat([fixed, properties]);
}

class Assembly {
  readonly contents: (readonly [{ properties: Buffer; body: Buffer } | undefined, number])[] = [];
  readonly assembler: ContentAssembler;

  constructor(maxBodySize = Infinity) {
    this.assembler = new ContentAssembler((content, size) => {
      this.contents.push([content && { properties: content.properties, body: content.body }, size]);
    }, maxBodySize);
  }

  begin(size: bigint): this {
    this.assembler.begin();
    const payload = header(size);
    this.assembler.onHeader(payload, 0, payload.length);
    return this;
  }

  body(part: Buffer): this {
    this.assembler.onBody(part, 0, part.length);
    return this;
  }
}

const refused = (replyName: string): Error => expect.objectContaining({ name: 'WireError', replyName }) as never;

describe('ContentAssembler', () => {
  it('puts a body together and is idle again', () => {
    const assembly = new Assembly().begin(5n).body(Buffer.from('ab'));
    expect(assembly.assembler.idle).toBe(false);
    assembly.body(Buffer.from('cde'));
    expect(assembly.contents).toEqual([[{ properties: Buffer.alloc(2), body: Buffer.from('abcde') }, 5]]);
    expect(assembly.assembler.idle).toBe(true);
  });

  it('completes a message without a body at its header', () => {
    expect(new Assembly(0).begin(0n).contents).toEqual([[{ properties: Buffer.alloc(2), body: Buffer.alloc(0) }, 0]]);
  });

  it('can be used again by the callback', () => {
    const sizes: number[] = [];
    const assembler: ContentAssembler = new ContentAssembler((_content, size) => {
      sizes.push(size);
      if (size === 0) return;
      assembler.begin();
      const payload = header(0n);
      assembler.onHeader(payload, 0, payload.length);
    }, Infinity);
    assembler.begin();
    const payload = header(1n);
    assembler.onHeader(payload, 0, payload.length);
    assembler.onBody(Buffer.from('a'), 0, 1);
    expect(sizes).toEqual([1, 0]);
  });

  it('skips a body over the limit, by one byte too, and takes the next one', () => {
    const assembly = new Assembly(4).begin(5n).body(Buffer.from('abc')).body(Buffer.from('de'));
    assembly.begin(4n).body(Buffer.from('abcd'));
    expect(assembly.contents).toEqual([
      [undefined, 5],
      [{ properties: Buffer.alloc(2), body: Buffer.from('abcd') }, 4],
    ]);
  });

  it('allocates nothing for a size that was only announced', () => {
    const before = process.memoryUsage().arrayBuffers;
    const assemblies = Array.from({ length: 100 }, () => new Assembly().begin(2n ** 53n - 1n).body(Buffer.from('a')));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4_000_000);
    expect(assemblies.flatMap(({ contents }) => contents)).toEqual([]);
  });

  it('keeps nothing of body frames that bring nothing', () => {
    const assembly = new Assembly().begin(2n).body(Buffer.from('a'));
    for (let turn = 0; turn < 1000; turn++) assembly.body(Buffer.alloc(0));
    expect(assembly.assembler['parts']).toHaveLength(1);
    assembly.body(Buffer.from('b'));
    expect(assembly.contents.map(([content]) => content!.body)).toEqual([Buffer.from('ab')]);
  });

  it('holds a skipped body to its size as well', () => {
    const assembly = new Assembly(1).begin(3n);
    expect(() => assembly.body(Buffer.from('abcd'))).toThrow('a body of 4 bytes; its header said 3');
  });

  it.each([2n ** 53n, 2n ** 63n, 2n ** 64n - 1n])('refuses a size of %p', (size) => {
    expect(() => new Assembly().begin(size)).toThrow(refused('SYNTAX_ERROR'));
  });

  it('refuses a header that is cut short, or of another class', () => {
    const whole = header(1n);
    for (let size = 0; size < whole.length; size++) {
      const { assembler } = new Assembly();
      assembler.begin();
      expect(() => assembler.onHeader(whole, 0, size)).toThrow(refused('SYNTAX_ERROR'));
    }
    whole.writeUInt16BE(50, 0);
    const { assembler } = new Assembly();
    assembler.begin();
    expect(() => assembler.onHeader(whole, 0, whole.length)).toThrow(refused('FRAME_ERROR'));
  });

  it('refuses a header and a body that are not due', () => {
    const payload = header(1n);
    const { assembler } = new Assembly();
    expect(() => assembler.onHeader(payload, 0, payload.length)).toThrow(refused('UNEXPECTED_FRAME'));
    expect(() => assembler.onBody(payload, 0, 1)).toThrow(refused('UNEXPECTED_FRAME'));
    const second = new Assembly().begin(1n);
    expect(() => second.assembler.onHeader(payload, 0, payload.length)).toThrow(refused('UNEXPECTED_FRAME'));
    second.assembler.reset();
    expect(() => second.body(Buffer.from('a'))).toThrow(refused('UNEXPECTED_FRAME'));
  });

  it('copies properties and body together, and only this channel’s body, in whatever pieces they come', () => {
    const deliver = new FrameWriter(() => {});
    const args = { consumerTag: 't', deliveryTag: 1, redelivered: false, exchange: '', routingKey: '' };
    deliver.method(1, 'basic.deliver', args);
    const method = Buffer.concat(deliver.take()!.chunks);
    const begin = (channel: number): Buffer => {
      const own = Buffer.from(method);
      own.writeUInt16BE(channel, 1);
      return Buffer.concat([own, frame(FrameType.header, channel, header(5n))]);
    };
    const body = (channel: number, text: string): Buffer => frame(FrameType.body, channel, Buffer.from(text));
    const streams: readonly (readonly [Buffer, readonly string[]])[] = [
      [Buffer.concat([begin(1), body(1, 'abcde'), begin(1), body(1, 'fghij')]), ['1 abcde', '1 fghij']],
      [Buffer.concat([begin(2), begin(1), body(2, 'abcde'), body(1, 'fghij')]), ['2 abcde', '1 fghij']],
      [Buffer.concat([begin(1), begin(2), body(2, 'abcde'), body(1, 'fghij')]), ['2 abcde', '1 fghij']],
      [Buffer.concat([begin(258), begin(2), body(258, 'abcde'), body(2, 'fghij')]), ['258 abcde', '2 fghij']],
      [Buffer.concat([begin(1), body(1, 'abc'), body(1, ''), body(1, 'de')]), ['1 abcde']],
      // Where the end of a body of five would be stands the octet of a frame's end.
      [Buffer.concat([begin(0xce01), body(0xce01, 'abc'), body(0xce01, 'de')]), [`${0xce01} abcde`]],
    ];
    for (const [stream, expected] of streams) {
      for (let cut = 0; cut <= stream.length; cut++) {
        const receiver = new Receiver(4096).push(stream.subarray(0, cut), stream.subarray(cut));
        expect(receiver.arrivals.map(({ channel, body }) => `${channel} ${String(body)}`)).toEqual(expected);
      }
    }
  });
});
