import { ConfigurationError } from '../../lib/client/index.js';
import { describeValue } from './described-value.js';

/**
 * A size: a number of bytes, or a text with a unit of 1,024: `'512B'`, `'1KB'`, `'1.5MB'`.
 *
 * @publicApi
 */
export type ByteSize = number | `${number}${'B' | 'KB' | 'MB'}`;

const FACTORS: Readonly<Record<string, number>> = { B: 1, KB: 1_024, MB: 1_048_576 };

/** Converts a size to bytes. @throws ConfigurationError */
export function byteSize(size: ByteSize, what: string): number {
  const bytes = typeof size === 'string' ? parse(size) : size;
  if (typeof bytes === 'number' && bytes >= 0) return bytes;
  throw new ConfigurationError(
    `${what} must be a number of bytes from 0, or text such as '1KB' (units B, KB, MB); it is ${describeValue(size)}`,
  );
}

function parse(size: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(B|KB|MB)$/.exec(size) ?? [];
  return number === undefined ? NaN : Number(number) * FACTORS[unit!]!;
}
