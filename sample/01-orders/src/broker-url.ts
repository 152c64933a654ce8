import { Logger } from '@nestjs/common';
import { EmbeddedBroker } from 'nest-amqp/broker';

/** That of AMQP_URL; without it, an embedded broker's, in this process and as long as it. */
export async function brokerUrl(): Promise<string> {
  const url = process.env['AMQP_URL'];
  if (url) return url;
  const broker = await EmbeddedBroker.start();
  new Logger('Broker').log(`AMQP_URL is not set: an embedded broker, for development, on ${broker.url}`);
  return broker.url;
}
