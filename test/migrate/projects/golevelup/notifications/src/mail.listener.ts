import {
  defaultNackErrorHandler,
  RabbitHeader,
  RabbitPayload,
  RabbitRequest,
  RabbitSubscribe,
} from "@golevelup/nestjs-rabbitmq";
import { Injectable, ParseIntPipe } from "@nestjs/common";
import type { ConsumeMessage } from "amqplib";

@Injectable()
export class MailListener {
  readonly sent: string[] = [];

  @RabbitSubscribe({
    exchange: "notify",
    routingKey: "mail.*",
    queue: "mail",
    queueOptions: { deadLetterExchange: "notify", deadLetterRoutingKey: "dead.mail", maxPriority: 5 },
    errorHandler: defaultNackErrorHandler,
  })
  async onMail(
    @RabbitPayload("to") to: string,
    @RabbitPayload("retries", ParseIntPipe) retries: number,
    @RabbitHeader("x-tenant") tenant: string,
    @RabbitRequest() request: ConsumeMessage,
  ) {
    this.sent.push(`${tenant}:${to}:${retries}:${request.fields.routingKey}:${request.content.length > 0}`);
  }
}
