import { describe, expect, it } from '@jest/globals';
import { Message } from '../queue/message.js';
import { Journal, JournalMessage } from './journal.js';

const time = { wallTime: () => 0, after: () => () => {} };

function published(journal: Journal, message: Message): void {
  const entry = { connection: 1, channel: 1, exchange: '', routingKey: 'k', mandatory: false, queues: [] };
  journal.add('published', { ...entry, message: new JournalMessage(message), outcome: 'routed' }, { message });
}

function settled(journal: Journal, message: Message): void {
  const entry = { connection: 1, channel: 1, queue: 'q', deliveryTag: 1, outcome: 'ack' } as const;
  journal.add('settled', { ...entry, message: new JournalMessage(message) }, { message });
}

const large = (): Message => new Message('', ['k'], Buffer.alloc(0), Buffer.alloc(1_000));
const sequences = (journal: Journal): number[] => journal.entries.map(({ sequence }) => sequence);

describe('Journal: what it keeps', () => {
  it('the last entries, up to their number', () => {
    const journal = new Journal(time, 3, 1_000_000);
    for (let count = 0; count < 10; count++) journal.add('fault', { fault: 'x', detail: '' });
    expect(sequences(journal)).toEqual([8, 9, 10]);
  });

  it('no more than its bytes: the oldest go', () => {
    const journal = new Journal(time, 100, 3_500);
    for (let count = 0; count < 10; count++) published(journal, large());
    expect(sequences(journal)).toEqual([8, 9, 10]);
  });

  it('the last entry in any case', () => {
    const journal = new Journal(time, 100, 10);
    for (let count = 0; count < 2; count++) published(journal, large());
    expect(sequences(journal)).toEqual([2]);
  });

  it('a message that several entries share is counted once, until the last of them is gone', () => {
    const journal = new Journal(time, 100, 2_500);
    const shared = large();
    for (let count = 0; count < 5; count++) settled(journal, shared);
    published(journal, large());
    expect(sequences(journal)).toEqual([1, 2, 3, 4, 5, 6]);
    published(journal, large());
    expect(sequences(journal)).toEqual([6, 7]);
  });

  it('arguments of methods count, too', () => {
    const journal = new Journal(time, 100, 2_500);
    const method = { connection: 1, channel: 1, name: 'queue.declare', args: {} } as const;
    for (let count = 0; count < 5; count++) journal.add('method', method, { own: 1_000 });
    expect(sequences(journal)).toEqual([4, 5]);
  });

  it('nothing after clear, and nothing at all with a size of 0', () => {
    const journal = new Journal(time, 100, 1_500);
    published(journal, large());
    journal.clear();
    expect(journal.entries).toEqual([]);
    published(journal, large());
    expect(sequences(journal)).toEqual([2]);
    const none = new Journal(time, 0, 1_500);
    published(none, large());
    expect(none.entries).toEqual([]);
  });
});
