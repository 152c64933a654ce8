import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload, RmqContext } from '@nestjs/microservices';
import { RmqService } from '../common/rmq.service';
import { BillingService } from './billing.service';

@Controller()
export class BillingController {
  constructor(
    private readonly billing: BillingService,
    private readonly rmqService: RmqService,
  ) {}

  @EventPattern('order_created')
  async handleOrderCreated(@Payload() data: unknown, @Ctx() context: RmqContext) {
    this.billing.bills.push(data);
    this.rmqService.ack(context);
  }
}
