import 'reflect-metadata';
import { Controller, Logger } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { AmqpModule, ConfigurationError, defineEvents } from 'nest-amqp';
import { AmqpMicroservicesModule, AmqpService } from 'nest-amqp/microservices';
import { AmqpAsyncApi, type AsyncApiDocument, type AsyncApiInfo } from 'nest-amqp/asyncapi';
import { z } from 'zod';
import { expectGolden } from './support/golden.js';
import { ShopModule } from './support/shop.js';
import { WarehouseModule } from './support/warehouse.js';

const compile = (...imports: Parameters<typeof Test.createTestingModule>[0]['imports'] & object) =>
  Test.createTestingModule({ imports }).compile();

describe('AmqpAsyncApi.createDocument()', () => {
  let app: TestingModule;
  let document: AsyncApiDocument;

  beforeAll(async () => {
    // It is not initialised, so it needs no broker.
    app = await compile(ShopModule);
    document = await AmqpAsyncApi.createDocument(app, { version: '1.2.0' });
  });

  afterAll(() => app.close());

  it('is the golden document, which parser.spec.ts gives to the parser', () => {
    expectGolden('shop', document);
  });

  it('has no user and no password', () => {
    expect(JSON.stringify(document)).not.toMatch(/s3cret|shop:|archive:/);
  });

  it('marks the queues of failed messages, with the messages of their queue', () => {
    const { messages } = document.channels['queue.billing']!;
    for (const [name, role] of [['retry.500', 'retry'], ['parked', 'parked']] as const) {
      const channel = document.channels[`queue.billing.${name}`]!;
      expect(channel).toMatchObject({ tags: [{ name: role }], messages, 'x-nest-amqp': { role, of: 'billing' } });
    }
  }); // prettier-ignore

  it('has the handlers of the microservice transport, without AmqpModule', async () => {
    const warehouse = await compile(WarehouseModule);
    const made = await AmqpAsyncApi.createDocument(warehouse, { title: 'Warehouse' });
    expectGolden('warehouse', made);
    expect(JSON.stringify(made)).not.toContain('s3cret');
    await warehouse.close();
  });

  it('has the handlers of a server that Nest has connected, on the connection of the module', async () => {
    @Controller()
    class Prices {
      @MessagePattern('price.of')
      priceOf(item: string): number {
        return item.length;
      }
    }
    const module = await Test.createTestingModule({
      imports: [AmqpModule.forRoot('amqp://localhost'), AmqpMicroservicesModule],
      controllers: [Prices],
    }).compile();
    const hybrid = module.createNestApplication();
    hybrid.connectMicroservice({ strategy: module.get(AmqpService).createServer({ queue: 'prices' }) });
    const { servers, operations, channels, components } = await AmqpAsyncApi.createDocument(hybrid);
    expect(Object.keys(servers)).toEqual(['default']);
    expect(operations).toEqual({
      'Prices.priceOf.prices': expect.objectContaining({
        action: 'receive',
        channel: { $ref: '#/channels/queue.prices' },
        messages: [{ $ref: '#/channels/queue.prices/messages/prices.price.of' }],
        reply: expect.objectContaining({ address: { location: '$message.header#/replyTo' } }),
      }),
    });
    expect(Object.keys(channels)).toContain('queue.prices.parked');
    expect(components.messages['prices.price.of']!.payload).toEqual({
      type: 'object',
      properties: { pattern: { const: 'price.of' }, data: { type: 'string' }, id: { type: 'string' } },
      required: ['pattern', 'id'],
    });
    await hybrid.close();
  });

  it('warns of a schema without a JSON Schema, and leaves out the payload', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => {});
    const moved = defineEvents('parcels', { 'parcel.moved': z.object({ at: z.date() }) });
    const other = await compile(
      AmqpModule.forRoot('amqp://localhost'),
      AmqpModule.forFeature([{ publisher: 'parcels', exchange: moved }]),
    );
    const { components } = await AmqpAsyncApi.createDocument(other);
    expect(components.messages['parcels.parcel.moved']).toMatchObject({ name: 'parcel.moved' });
    expect(components.messages['parcels.parcel.moved']).not.toHaveProperty('payload');
    expect(warn).toHaveBeenCalledWith(expect.stringContaining("The event 'parcel.moved' has no JSON Schema: Date"));
    warn.mockRestore();
    await other.close();
  });

  it('refuses an application without AmqpModule, and unknown options', async () => {
    const empty = await compile();
    const creating = AmqpAsyncApi.createDocument(empty);
    await expect(creating).rejects.toThrow(ConfigurationError);
    await expect(creating).rejects.toThrow('AmqpAsyncApi has nothing to document: import AmqpModule.forRoot');
    await expect(AmqpAsyncApi.createDocument(app, { titel: 'Shop' } as AsyncApiInfo)).rejects.toThrow(
      "unknown option 'titel'; did you mean 'title'?",
    );
    await empty.close();
  });
});
