import { Controller, Module } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload, Transport } from '@nestjs/microservices';
import { IsInt, IsString, Min } from 'class-validator';
import { AMQP_TRANSPORT, AmqpServer, AmqpServersModule, type AmqpRpcContext } from 'nest-amqp/microservices';
import { Category } from './shop.js';

class Reservation {
  @IsString()
  item!: string;

  @IsInt()
  @Min(1)
  quantity!: number;
}

class Reserved extends Reservation {
  @IsInt()
  left!: number;
}

@Controller()
export class Stock {
  @MessagePattern({ service: 'stock', cmd: 'reserve' })
  reserve(reservation: Reservation): Reserved {
    return { ...reservation, left: 0 };
  }

  @MessagePattern('stock.count', AMQP_TRANSPORT)
  async count(@Payload('item') item: string): Promise<number> {
    return item.length;
  }

  @EventPattern(['category.changed', 'category.added'])
  onCategory(@Payload() category: Category, @Ctx() context: AmqpRpcContext): string {
    return `${category.name} ${context.getPattern()}`;
  }

  @EventPattern<string>('order.*')
  onOrder(order: object): object {
    return order;
  }

  @EventPattern('elsewhere', Transport.TCP)
  onOther(data: object): object {
    return data;
  }
}

const urls = ['amqp://stock:s3cret@broker.example/warehouse'];

/** Three servers that share the handlers: a queue, a topic exchange, and one whose packets only the application knows. */
@Module({
  imports: [
    AmqpServersModule.register([
      new AmqpServer({ urls, queue: 'stock', queueOptions: { arguments: { 'x-queue-type': 'quorum' } }, retry: { attempts: 2, backoff: () => 250 } }), // prettier-ignore
      new AmqpServer({ urls, connectionName: 'events', exchange: 'catalog', wildcards: true }),
      new AmqpServer({ urls, connectionName: 'old', queue: 'old', noAck: true, deserializer: { deserialize: (value: unknown) => value as never } }), // prettier-ignore
    ]),
  ],
  controllers: [Stock],
})
export class WarehouseModule {}
