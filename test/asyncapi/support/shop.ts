import { Injectable, Module, ValidationPipe } from '@nestjs/common';
import { Type as TypeOf } from 'class-transformer';
import { IsEmail, IsEnum, IsInt, IsOptional, IsString, Matches, MaxLength, Min, ValidateNested } from 'class-validator';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  AmqpBatchConsumer,
  AmqpConsumer,
  AmqpEvent,
  AmqpModule,
  AmqpRequest,
  AmqpRpc,
  bindQueue,
  classicQueue,
  defineEvents,
  defineRpc,
  exchange,
  Payload,
  quorumQueue,
  serverNamedQueue,
  streamQueue,
  topicExchange,
  type AmqpBatchItem,
} from 'nest-amqp';
import { z } from 'zod';

enum Speed {
  Slow = 'slow',
  Fast = 'fast',
}

export class Line {
  @IsString()
  @MaxLength(40)
  item!: string;

  @IsInt()
  @Min(1)
  quantity!: number;
}

/** A class of class-validator, of which some properties are described. */
export class OrderPaid {
  @IsString()
  id!: string;

  @ApiProperty({ description: 'Who has paid.' })
  @IsEmail()
  payer!: string;

  @ValidateNested({ each: true })
  @TypeOf(() => Line)
  lines!: Line[];

  @IsString({ each: true })
  @IsOptional()
  tags?: string[];

  @IsEnum(Speed)
  speed!: Speed;

  @Matches(/^[A-Z]{2}$/)
  country!: string;
}

/** A class that `@nestjs/swagger` alone describes, and that contains itself. */
export class Category {
  @ApiProperty({ minLength: 1, example: 'lamps' })
  name!: string;

  @ApiPropertyOptional({ type: () => [Category] })
  children?: Category[];

  @ApiPropertyOptional({ nullable: true, enum: Speed })
  speed?: Speed | null;
}

const Tree = z.object({
  name: z.string(),
  get children() {
    return z.array(Tree);
  },
});

export const orders = defineEvents(
  'orders',
  {
    'order.created': z.object({ id: z.string(), lines: z.array(z.object({ item: z.string() })) }),
    'order.paid.v1': z.object({ id: z.string(), euros: z.number() }),
    'order.paid.v2': OrderPaid,
    'tree.grown': Tree,
  },
  { versionHeader: 'x-version' },
).upcast('order.paid.v1', 'order.paid.v2', ({ id }) => ({ id }) as OrderPaid);

export const prices = defineRpc('prices', {
  'price.quote': { request: z.object({ item: z.string() }), reply: z.object({ cents: z.int() }) },
});

@Injectable()
export class Billing {
  @AmqpEvent(orders, 'order.created', 'billing', { bind: 'orders', retry: { attempts: 3, backoff: () => [500] } })
  onCreated(order: { id: string }) {
    return order.id;
  }

  @AmqpEvent(orders, 'order.paid.v2', 'billing')
  onPaid(paid: OrderPaid) {
    return paid.id;
  }

  @AmqpEvent(orders, 'tree.grown', 'trees', { retry: false })
  onTree(tree: { name: string }) {
    return tree.name;
  }
}

@Injectable()
export class Prices {
  @AmqpRequest(prices, 'price.quote', 'quotes', { bind: 'prices' })
  quote(request: { item: string }) {
    return { cents: request.item.length };
  }

  @AmqpRpc({ useFactory: () => 'categories' })
  category(@Payload() name: string): Category {
    return Object.assign(new Category(), { name });
  }
}

@Injectable()
export class Audit {
  @AmqpConsumer('audit', { offset: 'first', retry: { attempts: 1 } })
  onAny(entry: object) {
    return entry;
  }

  @AmqpConsumer('categories.changed')
  onCategory(category: Category) {
    return category.name;
  }

  @AmqpConsumer('mails', { routingKey: 'category.changed' })
  onMail(category: Category) {
    return category.name;
  }

  @AmqpConsumer('mails', { routingKey: 'category.#' })
  onOtherMail(category: object) {
    return category;
  }

  @AmqpConsumer('cache')
  onChange(change: Line) {
    return change.item;
  }

  @AmqpBatchConsumer('readings', { size: 10, itemPipes: [new ValidationPipe({ expectedType: Line })] })
  onReadings(items: AmqpBatchItem<Line>[]) {
    return items.length;
  }

  @AmqpConsumer('off', { enabled: false })
  onNothing() {}
}

@Module({
  imports: [
    AmqpModule.forRoot({
      url: ['amqp://shop:s3cret@one.example/sales', 'amqps://shop:s3cret@two.example/sales'],
      connectionName: 'shop',
      topology: {
        exchanges: [topicExchange('orders'), exchange('prices', 'x-consistent-hash'), topicExchange('catalog')],
        queues: [
          quorumQueue('billing'),
          quorumQueue('trees'),
          quorumQueue('quotes'),
          classicQueue('categories', { autoDelete: true }),
          classicQueue('categories.changed', { exclusive: true }),
          quorumQueue('readings'),
          streamQueue('audit', { maxAge: '7D' }),
          serverNamedQueue('cache'),
        ],
        bindings: [
          bindQueue('categories.changed', 'catalog', 'category.changed'),
          bindQueue('mails', 'catalog', 'category.*'),
        ],
      },
    }),
    AmqpModule.forRoot({ name: 'archive', url: 'amqp://archive:s3cret@[::1]:5673' }),
    AmqpModule.forFeature([
      { publisher: 'orders', exchange: orders },
      { publisher: 'prices', exchange: prices },
      { publisher: 'archive', exchange: 'archive', connection: 'archive', defaults: { persistent: false } },
    ]),
  ],
  providers: [Billing, Prices, Audit],
})
export class ShopModule {}
