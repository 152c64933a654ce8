import { ConfigurationError } from '../../lib/client/index.js';

/**
 * Milliseconds, or a number with a unit: `'500ms'`, `'1.5s'`, `'10m'`, `'2h'`, `'1d'`.
 *
 * @publicApi
 */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const FACTORS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** What RabbitMQ takes for a TTL: 32 bits, in ms. */
const MAX = 2 ** 32 - 1;

/** In whole milliseconds. @throws ConfigurationError */
export function milliseconds(duration: Duration, what: string): number {
  const ms = typeof duration === 'number' ? duration : parse(duration);
  if (!(ms >= 0 && ms <= MAX)) {
    throw new ConfigurationError(
      `${what}: '${duration}' is no duration. Give milliseconds, or a number with one of the units ms, s, m, h, d ` +
        "('30s'); 49 days at most.",
    );
  }
  return Math.round(ms);
}

function parse(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  return number === undefined ? NaN : Number(number) * FACTORS[unit!]!;
}
