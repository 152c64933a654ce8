import { types } from 'node:util';
import { isKeyList, type MessageProperties } from '../../lib/client/index.js';
import { count, type OptionChecks } from '../../lib/option-names/index.js';
import { EXPIRATION } from './duration.js';
import { OBJECT, TEXT, type ValueCheck } from './option-values.js';

/** Routing keys of further recipients. RabbitMQ closes the channel for anything but an array, and ignores other members. */
export const KEYS: ValueCheck = {
  fits: (value) => isKeyList(value) && (!Array.isArray(value) || value.every((key) => typeof key === 'string')),
  expected: 'an array of strings',
};

const HEADERS: ValueCheck = {
  fits: (value) => OBJECT.fits(value) && hasKeys(value as Headers),
  expected: `an object whose CC and BCC, if it has them, are each ${KEYS.expected}`,
};

interface Headers {
  readonly CC?: unknown;
  readonly BCC?: unknown;
}

function hasKeys({ CC, BCC }: Headers): boolean {
  return (CC === undefined || KEYS.fits(CC)) && (BCC === undefined || KEYS.fits(BCC));
}

export const DATE: ValueCheck = { fits: types.isDate, expected: 'a Date' };

/** One check for each property of a message to publish, except for `deliveryMode`, which has other names here. */
export const PROPERTY_CHECKS = {
  contentType: TEXT,
  contentEncoding: TEXT,
  headers: HEADERS,
  priority: count({ min: 0, max: 255 }),
  correlationId: TEXT,
  replyTo: TEXT,
  expiration: EXPIRATION,
  messageId: TEXT,
  timestamp: DATE,
  type: TEXT,
  userId: TEXT,
  appId: TEXT,
  clusterId: TEXT,
} satisfies OptionChecks<Omit<MessageProperties, 'deliveryMode'>>;
