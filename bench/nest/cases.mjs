/** What is measured at Nest's level; `envelope`: messages have the form of `Transport.RMQ`. @see ../cases.mjs */
export const cases = [
  {
    name: 'nest-publish',
    title: 'publish 120 B of JSON, confirmed',
    work: 'confirm',
    unconfirmed: 500,
    level: 'module',
  },
  { name: 'nest-consume', title: 'handle + ack, prefetch 200', work: 'deliver', prefetch: 200, level: 'module' },
  { name: 'rmq-emit', title: 'emit an event', work: 'confirm', unconfirmed: 500, level: 'transport' },
  {
    name: 'rmq-handle',
    title: 'handle an event + ack, prefetch 200',
    work: 'deliver',
    prefetch: 200,
    level: 'transport',
  },
  { name: 'rmq-request', title: 'request-reply, both ends', work: 'confirm', unconfirmed: 500, level: 'request' },
].map((one) => ({ ...one, size: 120, atMost: { cpu: 1 / 3, rss: 1 } }));

/** Who takes part at each level: ours first. */
export const clients = {
  module: { 'nest-amqp': './nest/module.mjs', golevelup: './nest-peers/golevelup.mjs' },
  transport: { 'nest-amqp': './nest/transport.mjs', 'Transport.RMQ': './nest-peers/transport-rmq.mjs' },
  request: { 'nest-amqp': './nest/transport.mjs', 'Transport.RMQ': './nest-peers/transport-rmq.mjs' },
};
