import { AMQPClient } from '@cloudamqp/amqp-client';
import { CONTENT_TYPE, SYNC_EXCHANGE } from '../clients/properties.mjs';

/** @type {import('../adapter.d.ts').Adapter} */
export default {
  async open(url) {
    const client = new AMQPClient(url);
    await client.connect();
    client.socket.setNoDelay(true);
    return {
      async openChannel({ confirm, prefetch }) {
        const channel = await client.channel();
        if (confirm) await channel.confirmSelect();
        if (prefetch > 0) await channel.prefetch(prefetch);
        return adapt(channel);
      },
      close: () => client.close(),
    };
  },
};

/** @returns {import('../adapter.d.ts').Channel} */
function adapt(channel) {
  return {
    publish: (exchange, routingKey, body) =>
      channel.basicPublish(exchange, routingKey, body, { contentType: CONTENT_TYPE, deliveryMode: 2 }),
    publishConfirmed(exchange, routingKey, body, confirmed) {
      void channel
        .basicPublish(exchange, routingKey, body, { contentType: CONTENT_TYPE, deliveryMode: 2 })
        .then(confirmed);
    },
    consume: (queue, noAck, onMessage) =>
      channel.basicConsume(
        queue,
        { noAck },
        noAck
          ? (message) => onMessage(message.body)
          : (message) => {
              onMessage(message.body);
              void message.ack();
            },
      ),
    sync: () => channel.exchangeDeclare(SYNC_EXCHANGE, 'topic', { passive: true }),
  };
}
