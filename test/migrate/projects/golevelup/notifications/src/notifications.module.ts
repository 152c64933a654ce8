import { MessageHandlerErrorBehavior, RabbitMQModule } from "@golevelup/nestjs-rabbitmq";
import { Module } from "@nestjs/common";
import { APP_GUARD } from "@nestjs/core";
import { CacheListener } from "./cache.listener";
import { MailListener } from "./mail.listener";
import { TenantGuard } from "./tenant.guard";

@Module({
  imports: [
    RabbitMQModule.forRoot({
      name: "default",
      uri: process.env.AMQP_URL!,
      exchanges: [
        { name: "notify", type: "topic" },
        { name: "cache", type: "fanout", options: { durable: false, autoDelete: true } },
      ],
      queues: [
        { name: "mail.dead", options: { durable: true, messageTtl: 3600000 }, exchange: "notify", routingKey: "dead.*" },
      ],
      defaultSubscribeErrorBehavior: MessageHandlerErrorBehavior.ACK,
      enableDirectReplyTo: false,
    }),
  ],
  providers: [MailListener, CacheListener, { provide: APP_GUARD, useClass: TenantGuard }],
})
export class NotificationsModule {}
