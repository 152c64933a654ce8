import { Injectable, Logger, OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import amqp, { AmqpConnectionManager, ChannelWrapper } from 'amqp-connection-manager';
import { Channel } from 'amqplib';

@Injectable()
export class ProducerService implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(ProducerService.name);
  private connection: AmqpConnectionManager;
  private channelWrapper: ChannelWrapper;

  async onModuleInit() {
    this.connection = amqp.connect([process.env.AMQP_URL as string], { heartbeatIntervalInSeconds: 30 });
    this.channelWrapper = this.connection.createChannel({
      json: true,
      setup: (channel: Channel) => {
        return channel.assertQueue('emails', { durable: true });
      },
    });
    await this.channelWrapper.waitForConnect();
  }

  async addToEmailQueue(mail: { to: string; subject: string }) {
    await this.channelWrapper.sendToQueue('emails', mail, { persistent: true });
    this.logger.log(`queued a mail`);
  }

  async onModuleDestroy() {
    await this.connection.close();
  }
}
