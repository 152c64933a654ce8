import { Injectable } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { AmqpConsumer, streamQueue } from 'nest-amqp';
import { publisherOf, useNest } from '../nest/support/nest-harness.js';
import { idOf, linksOf, parentOf, traceOf, useTracing } from './support/tracing.js';

describe('spans of streams', () => {
  const nest = useNest();
  const tracing = useTracing();

  it('every consumer of a message is in its trace, also one that reads it again', async () => {
    const stream = nest.name('stream');

    @Injectable()
    class First {
      @AmqpConsumer(stream, { concurrency: 1, retry: false, offset: 'first' })
      onEvent(): void {}
    }

    @Injectable()
    class Second {
      @AmqpConsumer(stream, { concurrency: 1, retry: false, offset: 'first' })
      onEvent(value: unknown): void {
        if (value === 2) throw new TypeError('no');
      }
    }

    const app = await nest.start({ providers: [First] }, { topology: { queues: [streamQueue(stream)] } });
    const publisher = publisherOf(app);
    for (const value of [1, 2]) {
      await tracing.within(`work ${value}`, () => publisher.sendToQueue(stream, value).then(() => {}));
    }
    await tracing.span(`process ${stream}`, 1);
    await nest.start({ providers: [Second] });
    await tracing.span(`process ${stream}`, 3);

    const publishes = tracing.named(`publish ${stream}`);
    const works = [1, 2].map((value) => tracing.named(`work ${value}`)[0]!);
    expect(publishes.map(parentOf)).toEqual(works.map(idOf));
    const of = (handler: string) =>
      tracing.named(`process ${stream}`).filter(({ attributes }) => attributes['nest_amqp.handler'] === handler);
    for (const handler of ['First.onEvent', 'Second.onEvent']) {
      const processes = of(handler);
      expect(processes.map(parentOf)).toEqual(publishes.map(idOf));
      expect(processes.map(traceOf)).toEqual(publishes.map(traceOf));
      expect(processes.map((span) => linksOf(span)[0]!.to)).toEqual(publishes.map(idOf));
    }
    expect(of('Second.onEvent').map(({ attributes }) => attributes['error.type'])).toEqual([undefined, 'TypeError']);
  });
});
