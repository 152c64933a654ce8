import { ClientOptions, RmqOptions, Transport } from '@nestjs/microservices';

export const mailServer: RmqOptions = {
  transport: Transport.RMQ,
  options: {
    urls: [process.env.AMQP_URL as string],
    queue: 'mail',
    prefetchCount: 5,
    queueOptions: { durable: true, deadLetterExchange: '', deadLetterRoutingKey: 'mail.dead' },
  },
};

export const mailClient: ClientOptions = {
  transport: Transport.RMQ,
  options: {
    urls: [process.env.AMQP_URL as string],
    queue: 'mail',
    persistent: true,
    queueOptions: { durable: true, deadLetterExchange: '', deadLetterRoutingKey: 'mail.dead' },
  },
};
