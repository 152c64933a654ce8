'use strict';

const { getConnection } = require('./rabbit');
const { QUEUE } = require('./producer');

async function startWorker(work) {
  const connection = await getConnection();
  const channel = await connection.createChannel();
  await channel.assertQueue(QUEUE, { durable: true });
  await channel.assertQueue('thumbnails.done', { durable: true });
  channel.prefetch(1);
  const { consumerTag } = await channel.consume(QUEUE, async (msg) => {
    if (msg === null) return;
    try {
      const result = await work(JSON.parse(msg.content.toString()));
      channel.sendToQueue('thumbnails.done', Buffer.from(JSON.stringify(result)), {
        correlationId: msg.properties.correlationId,
        contentType: 'application/json',
      });
      channel.ack(msg);
    } catch (err) {
      channel.nack(msg, false, !msg.fields.redelivered);
    }
  });
  return {
    done: async () => {
      const message = await channel.get('thumbnails.done', { noAck: true });
      return message ? JSON.parse(message.content.toString()) : undefined;
    },
    stop: () => channel.cancel(consumerTag),
  };
}

module.exports = { startWorker };
