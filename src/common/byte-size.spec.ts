import { describe, expect, it } from '@jest/globals';
import { ConfigurationError } from '../../lib/client/index.js';
import { byteSize, type ByteSize } from './byte-size.js';

describe('byteSize()', () => {
  it.each<[ByteSize, number]>([
    [0, 0],
    [1_500, 1_500],
    [Infinity, Infinity],
    ['512B', 512],
    ['1KB', 1_024],
    ['1.5MB', 1_572_864],
  ])('converts %p to %p bytes', (size, bytes) => {
    expect(byteSize(size, 'from')).toBe(bytes);
  });

  it.each([-1, NaN, '1', '1kb', '1 KB', 'KB', '-1KB', '', null, {}, true])('refuses %p', (size) => {
    expect(() => byteSize(size as ByteSize, 'compress: from')).toThrow(ConfigurationError);
    expect(() => byteSize(size as ByteSize, 'compress: from')).toThrow(/^compress: from must be a number of bytes/);
  });
});
