import { Injectable, Logger, OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import * as amqp from 'amqplib';

@Injectable()
export class RabbitService implements OnModuleInit, OnModuleDestroy {
  readonly handled: { id: string }[] = [];
  private readonly logger = new Logger(RabbitService.name);
  private connection: amqp.ChannelModel;
  private channel: amqp.Channel;

  async onModuleInit(): Promise<void> {
    await this.connect();
  }

  private async connect(): Promise<void> {
    this.connection = await amqp.connect(process.env.AMQP_URL as string);
    this.connection.on('error', (error) => {
      this.logger.error(`connection: ${error.message}`);
    });
    this.channel = await this.connection.createChannel();
    await this.channel.assertExchange('orders', 'topic', { durable: true });
    await this.channel.assertQueue('orders.dead', { durable: true });
    const { queue } = await this.channel.assertQueue('orders.billing', {
      durable: true,
      deadLetterExchange: '',
      deadLetterRoutingKey: 'orders.dead',
    });
    await this.channel.bindQueue(queue, 'orders', 'order.*');
    await this.channel.prefetch(10);
    await this.channel.consume(queue, (message) => this.onMessage(message), { noAck: false });
  }

  publish(routingKey: string, payload: object): void {
    const content = Buffer.from(JSON.stringify(payload));
    this.channel.publish('orders', routingKey, content, { persistent: true, contentType: 'application/json' });
  }

  async dead(): Promise<string | undefined> {
    const message = await this.channel.get('orders.dead', { noAck: true });
    return message ? message.content.toString() : undefined;
  }

  private async onMessage(message: amqp.ConsumeMessage | null): Promise<void> {
    if (!message) return;
    try {
      const order = JSON.parse(message.content.toString());
      if (!order.id) throw new Error(`${message.fields.routingKey} without an id`);
      this.handled.push(order);
      this.channel.ack(message);
    } catch (error) {
      this.logger.warn(String(error));
      this.channel.nack(message, false, false);
    }
  }

  async onModuleDestroy(): Promise<void> {
    await this.channel?.close();
    await this.connection?.close();
  }
}
