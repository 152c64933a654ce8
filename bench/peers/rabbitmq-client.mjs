import { Connection } from 'rabbitmq-client';
import { CONTENT_TYPE, SYNC_EXCHANGE } from '../clients/properties.mjs';

/** @type {import('../adapter.d.ts').Adapter} */
export default {
  async open(url) {
    const connection = new Connection({ url, noDelay: true });
    await new Promise((resolve, reject) => {
      connection.once('connection', resolve);
      connection.once('error', reject);
    });
    return {
      async openChannel({ confirm, prefetch }) {
        const channel = await connection.acquire();
        if (confirm) await channel.confirmSelect();
        if (prefetch > 0) await channel.basicQos({ prefetchCount: prefetch });
        return adapt(channel);
      },
      // close() waits until every channel is closed.
      async close() {
        connection.unsafeDestroy();
      },
    };
  },
};

/** @returns {import('../adapter.d.ts').Channel} */
function adapt(channel) {
  return {
    publish: (exchange, routingKey, body) =>
      channel.basicPublish({ exchange, routingKey, contentType: CONTENT_TYPE, durable: true }, body),
    publishConfirmed(exchange, routingKey, body, confirmed) {
      void channel
        .basicPublish({ exchange, routingKey, contentType: CONTENT_TYPE, durable: true }, body)
        .then(confirmed);
    },
    consume: (queue, noAck, onMessage) =>
      channel.basicConsume(
        { queue, noAck },
        noAck
          ? (message) => onMessage(message.body)
          : (message) => {
              onMessage(message.body);
              channel.basicAck(message);
            },
      ),
    sync: () => channel.exchangeDeclare({ exchange: SYNC_EXCHANGE, passive: true }),
  };
}
