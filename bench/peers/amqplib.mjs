import { connect } from 'amqplib';
import { CONTENT_TYPE, SYNC_EXCHANGE } from '../clients/properties.mjs';

/** @type {import('../adapter.d.ts').Adapter} */
export default {
  async open(url) {
    const connection = await connect(url, { noDelay: true });
    return {
      async openChannel({ confirm, prefetch }) {
        const channel = await (confirm ? connection.createConfirmChannel() : connection.createChannel());
        if (prefetch > 0) await channel.prefetch(prefetch);
        return adapt(channel);
      },
      close: () => connection.close(),
    };
  },
};

/** @returns {import('../adapter.d.ts').Channel} */
function adapt(channel) {
  let drained;
  return {
    publish(exchange, routingKey, body) {
      if (channel.publish(exchange, routingKey, body, { contentType: CONTENT_TYPE, persistent: true }))
        return undefined;
      return (drained ??= new Promise((resolve) => {
        channel.once('drain', () => {
          drained = undefined;
          resolve();
        });
      }));
    },
    publishConfirmed(exchange, routingKey, body, confirmed) {
      channel.publish(exchange, routingKey, body, { contentType: CONTENT_TYPE, persistent: true }, (error) => {
        if (error) throw error;
        confirmed();
      });
    },
    consume: (queue, noAck, onMessage) =>
      channel.consume(
        queue,
        noAck
          ? (message) => onMessage(message.content)
          : (message) => {
              onMessage(message.content);
              channel.ack(message);
            },
        { noAck },
      ),
    sync: () => channel.checkExchange(SYNC_EXCHANGE),
  };
}
