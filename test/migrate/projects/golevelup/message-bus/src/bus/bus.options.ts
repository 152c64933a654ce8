export const BUS_EXCHANGE = 'domain-events';

export const BUS_OPTIONS = {
  uri: process.env.AMQP_URL as string,
  exchanges: [{ name: BUS_EXCHANGE, type: 'topic' }],
  defaultPublishOptions: { persistent: true },
};
