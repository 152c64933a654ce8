/** Ours first; the peers' modules need `npm ci --prefix bench/peers`. */
export const OURS = 'nest-amqp';

export const clients = {
  [OURS]: './clients/nest-amqp.mjs',
  amqplib: './peers/amqplib.mjs',
  'rabbitmq-client': './peers/rabbitmq-client.mjs',
  'amqp-client': './peers/amqp-client.mjs',
};
