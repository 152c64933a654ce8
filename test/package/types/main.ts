/** A typical application, for compilers that check the declarations of libraries too. */
import { Injectable, Module } from '@nestjs/common';
import {
  AmqpConsumer,
  AmqpContext,
  AmqpModule,
  classicQueue,
  ConfirmingPublisher,
  Ctx,
  exponential,
  getPublisherToken,
  MessageReturnedError,
  Payload,
  type PublishReceipt,
} from 'nest-amqp';
import { AmqpBoardModule } from 'nest-amqp/board';
import { EmbeddedBroker } from 'nest-amqp/broker';
import { connect, NotFoundError, type Connection } from 'nest-amqp/client';
import * as core from 'nest-amqp/client';
import { AmqpHarness, AmqpTestingModule } from 'nest-amqp/testing';

interface Trace {
  traceparent: string;
}

@Injectable()
export class Orders {
  constructor(private readonly publisher: ConfirmingPublisher) {}

  async send(trace: Trace, unknown: Record<string, unknown>): Promise<PublishReceipt> {
    await this.publisher.sendToQueue('orders', { id: 1 }, { headers: unknown, expiration: '60000' });
    try {
      return await this.publisher.publish('orders', 'order.created', { id: 1 }, { headers: trace, expiration: 60_000 });
    } catch (error) {
      if (error instanceof MessageReturnedError) console.log(error.returned.replyText);
      throw error;
    }
  }

  @AmqpConsumer('orders', { retry: { attempts: 3, backoff: exponential('1s', '1m') } })
  handle(@Payload() order: { id: number }, @Ctx() context: AmqpContext): number {
    return order.id + context.attempt;
  }
}

@Module({
  imports: [
    AmqpModule.forRoot({ url: 'amqp://localhost', topology: { queues: [classicQueue('orders')] } }),
    AmqpBoardModule.forRoot({ guards: [], user: () => 'alice' }),
  ],
  providers: [Orders],
})
export class AppModule {}

export const TestingModule = AmqpTestingModule.forRoot();
export const token = getPublisherToken('orders');
export const outcome = (harness: AmqpHarness) => harness.deliver('orders', { id: 1 }, { headers: { a: 1 } });

export async function alone(trace: Trace): Promise<void> {
  const broker = await EmbeddedBroker.start({ port: 0 });
  const connection: Connection = await connect(broker.url);
  const channel = await connection.openChannel({ confirm: true });
  await channel.publish('', 'q', 'text', { headers: trace, expiration: 1 });
  for await (const delivery of channel.consume('q')) delivery.ack();
  await channel.queueDeclare('q').catch((error: unknown) => error instanceof core.NotFoundError);
  // A declaration is the same from every entry point and file.
  const same: typeof NotFoundError = core.NotFoundError;
  console.log(same.name);
}

/** Internals are not callable: each of these lines must not compile. */
export async function internals(connection: Connection): Promise<void> {
  const channel = await connection.openChannel();
  const consumer = await channel.basicConsume('q', () => undefined);
  // @ts-expect-error of the channel's endpoint
  channel.finish(undefined);
  // @ts-expect-error of the channel's endpoint
  channel.onMethod();
  // @ts-expect-error of the channel's endpoint
  channel.attach();
  // @ts-expect-error of the connection's endpoint
  console.log(connection.topology);
  // @ts-expect-error of the connection's endpoint
  connection.onLinkLost();
  // @ts-expect-error of the consumer's channel
  consumer.deliver();
  const face = core;
  // @ts-expect-error of the link
  face.closeError('channel', {});
}
