import { RabbitSubscribe } from "@golevelup/nestjs-rabbitmq";
import { Injectable } from "@nestjs/common";

@Injectable()
export class CacheListener {
  readonly invalidated: string[] = [];

  @RabbitSubscribe({ exchange: "cache", routingKey: "" })
  invalidate(message: { key: string }, _raw: unknown, headers: Record<string, unknown>) {
    this.invalidated.push(`${message.key} ${headers["x-tenant"]}`);
  }
}
