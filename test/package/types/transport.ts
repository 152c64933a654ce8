/** A user of the microservice transport, for compilers that check the declarations of libraries too. */
import type { MicroserviceOptions } from '@nestjs/microservices';
import { AmqpClientProxy, AmqpRecordBuilder, AmqpServer } from 'nest-amqp/microservices';

interface Trace {
  traceparent: string;
}

const trace: Trace = { traceparent: '00-1-2-01' };
export const microservice: MicroserviceOptions = { strategy: new AmqpServer({ queue: 'orders', noAck: false }) };
export const client = new AmqpClientProxy({ queue: 'orders', headers: trace });
export const record = new AmqpRecordBuilder({ id: 1 }).setOptions({ headers: trace, expiration: 1 }).build();
