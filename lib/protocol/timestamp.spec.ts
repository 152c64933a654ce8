import { describe, expect, it } from '@jest/globals';
import { ByteReader, ByteWriter } from './bytes.js';
import { EncodingError } from './errors.js';
import { DistantDate, readTimestamp, writeTimestamp } from './timestamp.js';

function bytes(seconds: bigint): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(seconds);
  return buffer;
}

function written(value: Date): Buffer {
  const writer = new ByteWriter();
  writeTimestamp(writer, value, 'timestamp');
  return Buffer.from(writer.view());
}

describe('timestamps', () => {
  it.each([0n, 1_700_000_000n, 8_640_000_000_000n])('%s s is a Date', (seconds) => {
    const date = readTimestamp(new ByteReader(bytes(seconds)));
    expect(date).toEqual(new Date(Number(seconds) * 1000));
    expect(written(date)).toEqual(bytes(seconds));
  });

  it.each([8_640_000_000_001n, 1_700_000_000_000_000n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n])(
    '%s s, which no Date holds, is kept and written as it was read',
    (seconds) => {
      const date = readTimestamp(new ByteReader(bytes(seconds)));
      expect(date).toBeInstanceOf(DistantDate);
      expect((date as DistantDate).seconds).toBe(seconds);
      expect(date.getTime()).toBeNaN();
      expect(written(date)).toEqual(bytes(seconds));
    },
  );

  it('an invalid Date, one before 1970, and seconds beyond 64 bits are refused', () => {
    const distant = [2n ** 64n, -1n, 5 as unknown as bigint].map((seconds) => new DistantDate(seconds));
    for (const date of [new Date(NaN), new Date(-1), 5 as unknown as Date, ...distant]) {
      expect(() => written(date)).toThrow(EncodingError);
    }
  });
});
