import { ConsoleLogger, Controller, Logger } from '@nestjs/common';
import { describe, expect, it, jest } from '@jest/globals';
import { lastValueFrom } from 'rxjs';
import { errorOf } from '../client/support/client-harness.js';
import { useMicro } from './support/micro-harness.js';

const harness = useMicro();

/** Returns text and fields of an entry. Nest 12 logs fields beside the text, Nest 11 does not. */
function fieldsOf(line: string): Readonly<Record<string, unknown>> {
  const { context, message, params } = JSON.parse(line) as Readonly<Record<string, unknown>>;
  return typeof message === 'string'
    ? { context, message, ...(params as object) }
    : { context, ...(message as object) };
}

describe('The lines of the transport on a JSON console', () => {
  it('have queue, message and connection as fields', async () => {
    const entries: Readonly<Record<string, unknown>>[] = [];
    const take = (text: unknown): boolean => entries.push(fieldsOf(String(text))) > 0;
    const streams = [process.stdout, process.stderr].map((stream) => jest.spyOn(stream, 'write'));

    @Controller()
    class Service {}
    const queue = harness.name();
    const { proxy, url } = await harness.proxy();
    const app = await harness.serve([Service], { queue, urls: url, connectionName: 'orders service' });
    try {
      for (const stream of streams) stream.mockImplementation(take);
      app.useLogger(new ConsoleLogger({ json: true, colors: false }));
      await errorOf(lastValueFrom(harness.client({ queue }).send('nobody', 1)));
      proxy.cut();
      await proxy.waitForConnections(1);
      await errorOf(lastValueFrom(harness.client({ queue }).send('nobody', 2)));
      await app.close();
    } finally {
      for (const stream of streams) stream.mockRestore();
      Logger.overrideLogger(harness.lines);
    }
    const answered = entries.filter(({ message }) => String(message).startsWith('Answered a request'));
    // The cut may precede the first acknowledgement: the broker then delivers that request again.
    expect(new Set(answered.map(({ correlationId }) => correlationId)).size).toBe(2);
    for (const entry of answered) {
      expect(entry).toMatchObject({ context: 'AmqpServer', queue, correlationId: expect.any(String) });
    }
    const lost = entries.filter(({ connection }) => connection === 'orders service');
    expect(lost.map(({ context }) => context)).toContain('AmqpServer');
  });
});
