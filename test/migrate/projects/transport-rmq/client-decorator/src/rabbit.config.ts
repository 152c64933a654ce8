import type { RmqOptions } from '@nestjs/microservices';

export const rabbit: RmqOptions['options'] = {
  urls: [{ protocol: 'amqp', hostname: new URL(process.env.AMQP_URL!).hostname, port: Number(new URL(process.env.AMQP_URL!).port), username: 'guest', password: 'guest' }],
  queue: 'maths_queue',
  noAck: true,
};
