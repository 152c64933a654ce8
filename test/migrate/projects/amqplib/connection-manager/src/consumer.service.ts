import { Injectable, OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import amqp, { AmqpConnectionManager, ChannelWrapper } from 'amqp-connection-manager';
import { ConfirmChannel } from 'amqplib';

@Injectable()
export class ConsumerService implements OnModuleInit, OnModuleDestroy {
  readonly sent: string[] = [];
  private connection: AmqpConnectionManager;
  private channelWrapper: ChannelWrapper;

  async onModuleInit() {
    this.connection = amqp.connect([process.env.AMQP_URL as string]);
    this.channelWrapper = this.connection.createChannel();
    await this.channelWrapper.addSetup(async (channel: ConfirmChannel) => {
      await channel.assertQueue('emails', { durable: true });
      await channel.consume('emails', async (message) => {
        if (message) {
          const content = JSON.parse(message.content.toString());
          this.sent.push(`${content.to}: ${content.subject}`);
          channel.ack(message);
        }
      });
    });
  }

  async onModuleDestroy() {
    await this.connection.close();
  }
}
