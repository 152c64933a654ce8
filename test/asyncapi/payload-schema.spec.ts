import 'reflect-metadata';
import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import { AmqpConsumer, AmqpModule, Payload } from 'nest-amqp';
import { AmqpAsyncApi } from 'nest-amqp/asyncapi';
import { z } from 'zod';

@Injectable()
class Cache {
  @AmqpConsumer('cache')
  onChange(@Payload({ schema: z.object({ key: z.string() }) }) change: { key: string }) {
    return change.key;
  }
}

// Nest 11 has no schemas of arguments.
describe('AmqpAsyncApi.createDocument() on Nest 12', () => {
  it('takes the payload from the schema of an argument', async () => {
    const app = await Test.createTestingModule({
      imports: [AmqpModule.forRoot('amqp://localhost')],
      providers: [Cache],
    }).compile();
    const { components } = await AmqpAsyncApi.createDocument(app);
    expect(components.messages['cache']?.payload).toEqual({
      type: 'object',
      properties: { key: { type: 'string' } },
      required: ['key'],
    });
    await app.close();
  });
});
