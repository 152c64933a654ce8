import {
  BadRequestException,
  ForbiddenException,
  Injectable,
  ParseIntPipe,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import {
  AmqpConsumer,
  AmqpContext,
  AmqpRpc,
  bindQueue,
  classicQueue,
  ConfirmingPublisher,
  Ctx,
  exponential,
  fanoutExchange,
  fixed,
  Payload,
  quorumQueue,
  RejectMessage,
  RequeueMessage,
  topicExchange,
  type TopologyOptions,
} from 'nest-amqp';

export interface Order {
  readonly id: number;
  readonly fail?: 'always' | 'once' | 'reject' | 'requeue-once';
}

/** The dependencies of the consumers, which tests can inspect and replace. */
@Injectable()
export class Bank {
  readonly charged: number[] = [];

  charge({ id, fail }: Order, attempt: number): void {
    if (fail === 'always' || (fail === 'once' && attempt === 1)) throw new BankIsDown('the bank does not answer');
    if (fail === 'reject') throw new RejectMessage('no such account');
    this.charged.push(id);
  }
}

export class BankIsDown extends Error {
  override readonly name = 'BankIsDown';
}

@Injectable()
export class NoStrangers implements CanActivate {
  canActivate(host: ExecutionContext): boolean {
    if (host.switchToRpc().getContext<AmqpContext>().headers['stranger'] === true) {
      throw new ForbiddenException('we do not know you');
    }
    return true;
  }
}

/** Returns the queues of the shop, named after `prefix`, since other tests use RabbitMQ at the same time. */
export function topologyOf(prefix: string): TopologyOptions {
  return {
    exchanges: [topicExchange(`${prefix}orders`), fanoutExchange(`${prefix}dead`)],
    queues: [
      quorumQueue(`${prefix}billing`),
      classicQueue(`${prefix}strict`, { deadLetterExchange: `${prefix}dead` }),
      classicQueue(`${prefix}undertaker`),
      classicQueue(`${prefix}careless`),
      classicQueue(`${prefix}prices`),
      classicQueue(`${prefix}numbers`),
      classicQueue(`${prefix}by-hand`),
    ],
    bindings: [
      bindQueue(`${prefix}billing`, `${prefix}orders`, 'order.*'),
      bindQueue(`${prefix}undertaker`, `${prefix}dead`, ''),
    ],
  };
}

/** Returns the consumers of the shop: one class per prefix, since decorators take names. */
export function consumersOf(prefix: string) {
  @Injectable()
  class Billing {
    private readonly givenBack = new Set<number>();

    constructor(
      private readonly bank: Bank,
      private readonly publisher: ConfirmingPublisher,
    ) {}

    @AmqpConsumer(`${prefix}billing`, { retry: { attempts: 3, backoff: exponential('30s', '1m', { jitter: false }) } })
    @UseGuards(NoStrangers)
    async onOrder(@Payload() order: Order, @Ctx() context: AmqpContext): Promise<void> {
      if (order.fail === 'requeue-once' && !this.givenBack.has(order.id)) {
        this.givenBack.add(order.id);
        throw new RequeueMessage('not now');
      }
      this.bank.charge(order, context.attempt);
      await this.publisher.publish(`${prefix}orders`, 'billed', order, {
        mandatory: false,
        headers: { order: order.id },
      });
    }

    @AmqpConsumer(`${prefix}strict`, { retry: false })
    onStrict(@Payload() order: Order, @Ctx() context: AmqpContext): void {
      this.bank.charge(order, context.attempt);
    }

    @AmqpConsumer(`${prefix}careless`, { retry: { attempts: 2, backoff: fixed('1h'), then: 'discard' } })
    onCareless(@Payload() order: Order, @Ctx() context: AmqpContext): void {
      this.bank.charge(order, context.attempt);
    }

    @AmqpRpc(`${prefix}prices`)
    price(@Payload() order: Order): number {
      if (order.fail) throw new BadRequestException('no price');
      return order.id * 10;
    }

    @AmqpConsumer(`${prefix}numbers`)
    onNumber(@Payload(ParseIntPipe) number: number): void {
      this.bank.charged.push(number);
    }

    @AmqpConsumer(`${prefix}by-hand`, { ack: 'manual' })
    onByHand(@Payload() order: Order, @Ctx() context: AmqpContext): void {
      if (order.fail === 'reject') context.reject();
      else context.ack();
    }
  }
  return [Bank, Billing];
}
