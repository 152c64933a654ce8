import { connect } from 'nest-amqp/client';
import { CONTENT_TYPE, SYNC_EXCHANGE } from './properties.mjs';

/** @type {import('../adapter.d.ts').Adapter} */
export default {
  async open(url) {
    const connection = await connect(url);
    return {
      async openChannel({ confirm, prefetch, unconfirmed }) {
        return adapt(await connection.openChannel({ confirm, prefetch, maxUnconfirmed: unconfirmed + 1 }));
      },
      close: () => connection.close({ timeout: 200 }),
    };
  },
};

/** @returns {import('../adapter.d.ts').Channel} */
function adapt(channel) {
  return {
    publish: (exchange, routingKey, body) =>
      channel.publish(exchange, routingKey, body, { contentType: CONTENT_TYPE, deliveryMode: 2 }),
    publishConfirmed(exchange, routingKey, body, confirmed) {
      void channel.publish(exchange, routingKey, body, { contentType: CONTENT_TYPE, deliveryMode: 2 }).then(confirmed);
    },
    consume: (queue, noAck, onMessage) =>
      channel.basicConsume(
        queue,
        noAck
          ? (delivery) => onMessage(delivery.body)
          : (delivery) => {
              onMessage(delivery.body);
              delivery.ack();
            },
        { noAck },
      ),
    sync: () => channel.exchangeDeclare(SYNC_EXCHANGE, 'topic', { passive: true }),
  };
}
