import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload, RmqContext, Transport } from '@nestjs/microservices';

@Controller()
export class AuditController {
  readonly seen: [string, unknown][] = [];
  readonly created: unknown[] = [];

  @EventPattern('order.*', Transport.RMQ)
  async any(@Payload() data: unknown, @Ctx() context: RmqContext): Promise<void> {
    this.seen.push([context.getPattern(), data]);
    context.getChannelRef().ack(context.getMessage());
  }

  @EventPattern('user.created', Transport.RMQ)
  user(@Payload() data: unknown, @Ctx() context: RmqContext) {
    this.created.push(data);
    const channel = context.getChannelRef();
    channel.ack(context.getMessage());
  }
}
