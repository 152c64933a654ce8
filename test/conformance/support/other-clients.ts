import { once } from 'node:events';
import { AMQPClient, type AMQPMessage } from '@cloudamqp/amqp-client';
import amqplib from 'amqplib';
import { Connection, type AsyncMessage, type SyncMessage } from 'rabbitmq-client';

/** The part of a message that every client provides. */
export interface OtherMessage {
  readonly text: string;
  readonly redelivered: boolean;
  readonly headers: Record<string, unknown>;
  ack(): unknown;
  nack(requeue: boolean): unknown;
}

/** The operations of another client in a smoke test, adapted to common names. */
export interface OtherClient {
  exchangeDeclare(name: string, type: string): Promise<unknown>;
  exchangeDelete(name: string): Promise<unknown>;
  exchangeBind(destination: string, source: string, key: string): Promise<unknown>;
  exchangeUnbind(destination: string, source: string, key: string): Promise<unknown>;
  /** Resolves with name, message count and consumer count. */
  queueDeclare(name: string, args?: Record<string, unknown>): Promise<readonly [string, number, number]>;
  queuePassive(name: string): Promise<unknown>;
  queueBind(queue: string, exchange: string, key: string): Promise<unknown>;
  queueUnbind(queue: string, exchange: string, key: string): Promise<unknown>;
  queuePurge(name: string): Promise<number>;
  queueDelete(name: string): Promise<number>;
  /** Resolves on the confirm. */
  publish(exchange: string, key: string, text: string, headers?: Record<string, unknown>): Promise<unknown>;
  /** Publishes a mandatory message; resolves with the reply code of its return. */
  publishReturned(key: string): Promise<number>;
  get(queue: string): Promise<OtherMessage | undefined>;
  consume(queue: string, prefetch: number, handler: (message: OtherMessage) => void): Promise<() => Promise<unknown>>;
  close(): Promise<unknown>;
}

async function openAmqplib(url: string): Promise<OtherClient> {
  const connection = await amqplib.connect(url);
  connection.on('error', () => undefined);
  const channel = await connection.createConfirmChannel();
  const seen = (message: amqplib.GetMessage | amqplib.ConsumeMessage): OtherMessage => ({
    text: message.content.toString(),
    redelivered: message.fields.redelivered,
    headers: message.properties.headers ?? {},
    ack: () => channel.ack(message),
    nack: (requeue) => channel.nack(message, false, requeue),
  });
  return {
    exchangeDeclare: (name, type) => channel.assertExchange(name, type),
    exchangeDelete: (name) => channel.deleteExchange(name),
    exchangeBind: (destination, source, key) => channel.bindExchange(destination, source, key),
    exchangeUnbind: (destination, source, key) => channel.unbindExchange(destination, source, key),
    queueDeclare: async (name, args) => {
      const { queue, messageCount, consumerCount } = await channel.assertQueue(name, { arguments: args });
      return [queue, messageCount, consumerCount];
    },
    queuePassive: async (name) => {
      const other = await connection.createChannel();
      other.on('error', () => undefined);
      return other.checkQueue(name);
    },
    queueBind: (queue, exchange, key) => channel.bindQueue(queue, exchange, key),
    queueUnbind: (queue, exchange, key) => channel.unbindQueue(queue, exchange, key),
    queuePurge: async (name) => (await channel.purgeQueue(name)).messageCount,
    queueDelete: async (name) => (await channel.deleteQueue(name)).messageCount,
    publish: (exchange, key, text, headers) =>
      new Promise((resolve, reject) => {
        channel.publish(exchange, key, Buffer.from(text), { headers }, (error) => (error ? reject(error) : resolve(0)));
      }),
    publishReturned: async (key) => {
      const returned = once(channel, 'return') as Promise<[amqplib.Message & { fields: { replyCode: number } }]>;
      channel.publish('', key, Buffer.from('x'), { mandatory: true });
      return (await returned)[0].fields.replyCode;
    },
    get: async (queue) => {
      const message = await channel.get(queue);
      return message ? seen(message) : undefined;
    },
    consume: async (queue, prefetch, handler) => {
      await channel.prefetch(prefetch);
      const { consumerTag } = await channel.consume(queue, (message) => message && handler(seen(message)));
      return () => channel.cancel(consumerTag);
    },
    close: () => connection.close(),
  };
}

async function openRabbitmqClient(url: string): Promise<OtherClient> {
  const connection = new Connection(url);
  connection.on('error', () => undefined);
  await connection.onConnect();
  const channel = await connection.acquire();
  await channel.confirmSelect();
  const seen = (message: SyncMessage | AsyncMessage): OtherMessage => ({
    text: String(message.body),
    redelivered: message.redelivered,
    headers: message.headers ?? {},
    ack: () => channel.basicAck({ deliveryTag: message.deliveryTag }),
    nack: (requeue) => channel.basicNack({ deliveryTag: message.deliveryTag, requeue }),
  });
  return {
    exchangeDeclare: (exchange, type) => channel.exchangeDeclare({ exchange, type }),
    exchangeDelete: (exchange) => channel.exchangeDelete({ exchange }),
    exchangeBind: (destination, source, routingKey) => channel.exchangeBind({ destination, source, routingKey }),
    exchangeUnbind: (destination, source, routingKey) => channel.exchangeUnbind({ destination, source, routingKey }),
    queueDeclare: async (queue, args) => {
      const declared = await channel.queueDeclare({ queue, arguments: args ?? {} });
      return [declared.queue, declared.messageCount, declared.consumerCount];
    },
    queuePassive: (queue) => connection.queueDeclare({ queue, passive: true }),
    queueBind: (queue, exchange, routingKey) => channel.queueBind({ queue, exchange, routingKey }),
    queueUnbind: (queue, exchange, routingKey) => channel.queueUnbind({ queue, exchange, routingKey }),
    queuePurge: async (queue) => (await channel.queuePurge(queue)).messageCount,
    queueDelete: async (queue) => (await channel.queueDelete(queue)).messageCount,
    publish: (exchange, routingKey, text, headers) =>
      channel.basicPublish({ exchange, routingKey, ...(headers ? { headers } : {}) }, text),
    publishReturned: async (routingKey) => {
      const returned = once(channel, 'basic.return') as Promise<[{ replyCode: number }]>;
      await channel.basicPublish({ exchange: '', routingKey, mandatory: true }, 'x');
      return (await returned)[0].replyCode;
    },
    get: async (queue) => {
      const message = await channel.basicGet({ queue });
      return message && seen(message);
    },
    consume: async (queue, prefetchCount, handler) => {
      await channel.basicQos({ prefetchCount });
      const { consumerTag } = await channel.basicConsume({ queue }, (message) => handler(seen(message)));
      return () => channel.basicCancel({ consumerTag });
    },
    close: async () => {
      await channel.close();
      await connection.close();
    },
  };
}

async function openCloudamqp(url: string): Promise<OtherClient> {
  const client = new AMQPClient(url);
  const connection = await client.connect();
  const channel = await connection.channel();
  await channel.confirmSelect();
  const seen = (message: AMQPMessage): OtherMessage => ({
    text: message.bodyString() ?? '',
    redelivered: message.redelivered,
    headers: message.properties.headers ?? {},
    ack: () => message.ack(),
    nack: (requeue) => message.nack(requeue),
  });
  return {
    exchangeDeclare: (name, type) => channel.exchangeDeclare(name, type),
    exchangeDelete: (name) => channel.exchangeDelete(name),
    exchangeBind: (destination, source, key) => channel.exchangeBind(destination, source, key),
    exchangeUnbind: (destination, source, key) => channel.exchangeUnbind(destination, source, key),
    queueDeclare: async (queue, args) => {
      const { name, messageCount, consumerCount } = await channel.queueDeclare(queue, { durable: true }, args);
      return [name, messageCount, consumerCount];
    },
    queuePassive: async (name) => (await connection.channel()).queueDeclare(name, { passive: true }),
    queueBind: (queue, exchange, key) => channel.queueBind(queue, exchange, key),
    queueUnbind: (queue, exchange, key) => channel.queueUnbind(queue, exchange, key),
    queuePurge: async (name) => (await channel.queuePurge(name)).messageCount,
    queueDelete: async (name) => (await channel.queueDelete(name)).messageCount,
    publish: (exchange, key, text, headers) =>
      channel.basicPublish(exchange, key, text, headers ? { headers: headers as Record<string, string> } : {}),
    publishReturned: async (key) => {
      const returned = new Promise<AMQPMessage>((resolve) => (channel.onReturn = resolve));
      await channel.basicPublish('', key, 'x', {}, true);
      return (await returned).replyCode!;
    },
    get: async (queue) => {
      const message = await channel.basicGet(queue, { noAck: false });
      return message ? seen(message) : undefined;
    },
    consume: async (queue, prefetch, handler) => {
      await channel.prefetch(prefetch);
      const consumer = await channel.basicConsume(queue, { noAck: false }, (message) => handler(seen(message)));
      return () => consumer.cancel();
    },
    close: () => client.close(),
  };
}

/** The clients by their names on npm. */
export const otherClients = {
  amqplib: openAmqplib,
  'rabbitmq-client': openRabbitmqClient,
  '@cloudamqp/amqp-client': openCloudamqp,
} as const;
