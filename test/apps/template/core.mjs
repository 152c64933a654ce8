// Runs the client core against the embedded broker, in a process that another runtime than Node may run.
import { EmbeddedBroker } from 'nest-amqp/broker';
import { connect } from 'nest-amqp/client';

const broker = await EmbeddedBroker.start({ port: 0 });
const connection = await connect(broker.url);
const channel = await connection.openChannel({ confirm: true, prefetch: 50 });
await channel.queueDeclare('orders');
const sent = Array.from({ length: 1_000 }, (_, index) =>
  channel.publish('', 'orders', `${index}`, { mandatory: true }),
);
await Promise.all(sent);
let consumed = 0;
for await (const delivery of channel.consume('orders')) {
  delivery.ack();
  if (++consumed === sent.length) break;
}
await connection.close();
await broker.close();
console.log(`consumed ${consumed}`);
