import { ConsoleLogger, Logger, type LoggerService } from '@nestjs/common';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { FieldLogger } from './field-logger.js';

interface Entry {
  readonly level: string;
  readonly context: string;
  readonly message: string | Readonly<Record<string, unknown>>;
  readonly params?: Readonly<Record<string, unknown>>;
}

const FIELDS = { queue: 'billing', messageId: 'm-1', attempt: 2, delay: undefined };

/** Writes a line with fields while the application uses `used`, and returns what was written to the streams. */
function written(used: LoggerService): string[] {
  const lines: string[] = [];
  const take = (line: unknown): boolean => lines.push(String(line)) > 0;
  const streams = [jest.spyOn(process.stdout, 'write'), jest.spyOn(process.stderr, 'write')];
  for (const stream of streams) stream.mockImplementation(take);
  try {
    Logger.overrideLogger(used);
    new FieldLogger('AmqpConsumer').error('It failed', FIELDS, '    at Billing.onOrder (billing.ts:3:5)');
  } finally {
    for (const stream of streams) stream.mockRestore();
  }
  return lines;
}

afterEach(() => {
  Logger.overrideLogger(new ConsoleLogger());
});

describe('FieldLogger', () => {
  it('gives the text alone to a logger of the application, which expects strings', () => {
    const error = jest.fn<LoggerService['error']>();
    const used: LoggerService = { log: jest.fn(), warn: jest.fn(), error };
    expect(written(used)).toEqual([]);
    expect(error.mock.calls).toEqual([
      ['It failed\n    at Billing.onOrder (billing.ts:3:5)', undefined, 'AmqpConsumer'],
    ]);
  });

  it('writes one line, and the stack, to the console', () => {
    const lines = written(new ConsoleLogger({ colors: false }));
    expect(lines.join('')).toMatch(
      /^\[Nest\] .* ERROR \[AmqpConsumer\] It failed\n {4}at Billing\.onOrder \(billing\.ts:3:5\)( \+\d+ms)?\n$/,
    );
  });

  it('writes one JSON entry with text, fields and stack to the JSON console', () => {
    const lines = written(new ConsoleLogger({ json: true }));
    expect(lines).toHaveLength(1);
    const { level, context, message, params } = JSON.parse(lines[0]!) as Entry;
    expect([level, context]).toEqual(['error', 'AmqpConsumer']);
    // Nest 12 has a place for fields beside the text, Nest 11 has not.
    const { message: text, ...fields } =
      typeof message === 'string' ? { message, ...params } : (message as { message: string });
    expect(text).toBe('It failed');
    expect(fields).toEqual({
      queue: 'billing',
      messageId: 'm-1',
      attempt: 2,
      stack: '    at Billing.onOrder (billing.ts:3:5)',
    });
  });

  it('asks at each line which logger the application uses', () => {
    const logger = new FieldLogger('AmqpConsumer');
    const warn = jest.fn<LoggerService['warn']>();
    Logger.overrideLogger({ log: jest.fn(), warn, error: jest.fn() });
    logger.warn('Lost', { queue: 'billing' });
    expect(warn.mock.calls).toEqual([['Lost', 'AmqpConsumer']]);
  });
});
