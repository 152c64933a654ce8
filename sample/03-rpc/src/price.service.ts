import { Injectable, NotFoundException } from '@nestjs/common';
import { AmqpProperty, AmqpRpc, Payload } from 'nest-amqp';

const CENTS: Readonly<Record<string, number>> = { lamp: 4_900, chair: 12_900, desk: 39_900 };

export interface Price {
  readonly item: string;
  readonly cents: number;
  readonly asked: string;
}

/** The answering side. The reply is the value that the handler returns, or the error that it throws. */
@Injectable()
export class PriceService {
  @AmqpRpc('sample-03.prices')
  price(@Payload('item') item: string, @AmqpProperty('messageId') messageId: string): Price {
    const cents = CENTS[item];
    if (cents === undefined) throw new NotFoundException(`There is no '${item}' to be had`);
    return { item, cents, asked: messageId };
  }
}
