export const EXCHANGE = 'events';
export const url = (): string => process.env.AMQP_URL ?? 'amqp://localhost';
