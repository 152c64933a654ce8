import { RetryPolicy } from '../../settlement/retry/retry-policy.js';
import { delayQueue, parkedQueue } from '../../settlement/retry/settlement-queues.js';
import { placeOf } from '../../settlement/settler.factory.js';
import type { SurveyedConsumer } from '../survey/survey.js';
import type { Channels } from './channels.js';

/** Returns how the messages of a consumer are retried. */
export function policyOf({ name, queue, options, connection }: SurveyedConsumer): RetryPolicy {
  const table = { ...options.arguments, ...(options.offset !== undefined && { 'x-stream-offset': 'given' }) };
  return new RetryPolicy(name, options.retry, placeOf(connection.topology, { queue, arguments: table }));
}

/** Adds the queues in which failed messages of a consumer wait or are kept, with the messages of its queue. */
export function failedMessages(
  { queue, connection }: Pick<SurveyedConsumer, 'queue' | 'connection'>,
  { place, levels, end }: Pick<RetryPolicy, 'place' | 'levels' | 'end'>,
  channels: Channels,
): void {
  const source = channels.queue(connection, queue);
  const add = (channel: string): void => {
    for (const message of Object.keys(channels.channels[source]!.messages)) channels.carry(channel, message);
  };
  if (place === 'broker') {
    for (const delay of levels) {
      const waiting = delayQueue(queue, delay);
      add(channels.queue(connection, waiting.name, waiting, { role: 'retry', of: queue, delay }));
    }
  }
  if (end === 'park') {
    const parked = parkedQueue(queue);
    add(channels.queue(connection, parked.name, parked, { role: 'parked', of: queue }));
  }
}
