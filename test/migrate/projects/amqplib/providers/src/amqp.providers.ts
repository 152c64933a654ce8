import { Provider } from '@nestjs/common';
import { Channel, ChannelModel, connect } from 'amqplib';

export const AMQP_CONNECTION = Symbol('AMQP_CONNECTION');
export const AMQP_CHANNEL = Symbol('AMQP_CHANNEL');
export const EVENTS = 'events';

export const amqpProviders: Provider[] = [
  {
    provide: AMQP_CONNECTION,
    useFactory: async (): Promise<ChannelModel> => connect(process.env.AMQP_URL as string),
  },
  {
    provide: AMQP_CHANNEL,
    inject: [AMQP_CONNECTION],
    useFactory: async (connection: ChannelModel): Promise<Channel> => {
      const channel = await connection.createChannel();
      await channel.assertExchange(EVENTS, 'fanout', { durable: false, autoDelete: true });
      return channel;
    },
  },
];
