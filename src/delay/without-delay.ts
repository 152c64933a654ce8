import type { Delivery, FieldTable, MessageProperties } from '../../lib/client/index.js';
import { deathsByOthers, diedIn, isDeathHeader } from '../common/death-headers.js';
import { isDelayHeader, isStair, levelHeader, TO_HEADER } from './delay-names.js';
import { exchangeOfLanding, levelsAmong, timeIn } from './staircase.js';

/** Returns the headers without everything that the staircase has added to them. */
export function withoutDelay(headers: FieldTable | undefined): FieldTable | undefined {
  if (!headers || !(TO_HEADER in headers || diedIn(headers, isStair))) return headers;
  const own: FieldTable = {};
  for (const name of Object.keys(headers)) {
    if (!isDelayHeader(name) && !isDeathHeader(name)) own[name] = headers[name];
  }
  const all = { ...own, ...deathsByOthers(headers, isStair) };
  return Object.keys(all).length === 0 ? undefined : all;
}

/** Shows a delivery as its publisher has sent it: without the headers of the staircase. Returns the same delivery. */
export function withoutTheWay(delivery: Delivery): Delivery {
  let headers: FieldTable | undefined;
  try {
    headers = delivery.properties.headers;
  } catch {
    // They cannot be read, which the consumer finds out.
    return delivery;
  }
  if (headers && TO_HEADER in headers) delivery.showHeaders(withoutDelay(headers));
  return delivery;
}

/** Returns true for a publish to its destination of a message that was delayed. */
export function isDue(exchange: string, { headers = {} }: MessageProperties): boolean {
  return TO_HEADER in headers && !isStair(exchange);
}

/** A publish as its caller has asked for it. */
export interface PlainPublish {
  readonly exchange: string;
  readonly properties: MessageProperties;
  /** ms; 0 for none. */
  readonly delay: number;
}

/** Returns what the caller of a publish has asked for, from what the broker has received. */
export function beforeDelay(exchange: string, properties: MessageProperties): PlainPublish {
  const { headers, ...others } = properties;
  const to = headers?.[TO_HEADER];
  if (typeof to !== 'string') return { exchange, properties, delay: 0 };
  const own = withoutDelay(headers);
  const delay = timeIn(levelsAmong((level) => levelHeader(level) in headers!));
  return { exchange: exchangeOfLanding(to), properties: own ? { ...others, headers: own } : others, delay };
}
