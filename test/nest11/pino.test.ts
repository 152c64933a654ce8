import { Writable } from 'node:stream';
import { ConsoleLogger, Logger } from '@nestjs/common';
import { afterAll, describe, expect, it } from '@jest/globals';
import { Logger as NestPinoLogger, PinoLogger } from 'nestjs-pino';
import { FieldLogger } from '../../src/common/field-logger.js';

describe('lines through nestjs-pino', () => {
  afterAll(() => {
    Logger.overrideLogger(new ConsoleLogger());
  });

  it('have their values as fields', () => {
    const entries: Record<string, unknown>[] = [];
    const stream = new Writable({
      write(chunk: Buffer, _, done): void {
        entries.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
        done();
      },
    });
    const params = { pinoHttp: { stream } };
    Logger.overrideLogger(new NestPinoLogger(new PinoLogger(params), params));
    new FieldLogger('AmqpConsumer').warn('It failed', { queue: 'billing', messageId: 'm-1' }, '    at billing.ts:3:5');
    expect(entries).toEqual([
      expect.objectContaining({
        level: 40,
        context: 'AmqpConsumer',
        msg: 'It failed',
        queue: 'billing',
        messageId: 'm-1',
        stack: '    at billing.ts:3:5',
      }),
    ]);
  });
});
