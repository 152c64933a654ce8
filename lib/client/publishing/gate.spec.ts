import { describe, expect, it } from '@jest/globals';
import type { Link } from '../link/link.js';
import { Gate } from './gate.js';
import type { Message } from './publish.js';

describe('Gate', () => {
  it('knows the routing key of a renamed queue before a return can come, which may be from within the write', () => {
    const gate = new Gate(true, { resolve: (queue) => `${queue} now` }, 1_000, () => undefined);
    const keys: (string | undefined)[] = [];
    const publish = (_channel: number, message: Message, key: string): void => void keys.push(message.writtenKey, key);
    gate.lead({ transport: { writer: { publish } } } as unknown as Link, 1);
    gate.write({ exchange: '', routingKey: 'q', mandatory: true, properties: {}, body: Buffer.alloc(0) });
    gate.write({ exchange: 'x', routingKey: 'q', mandatory: true, properties: {}, body: Buffer.alloc(0) });
    expect(keys).toEqual(['q now', 'q now', undefined, 'q']);
  });
});
