// Does the same as core.mjs, with require.
const { EmbeddedBroker } = require('nest-amqp/broker');
const { connect } = require('nest-amqp/client');

async function main() {
  const broker = await EmbeddedBroker.start({ port: 0 });
  const connection = await connect(broker.url);
  const channel = await connection.openChannel({ confirm: true });
  await channel.queueDeclare('orders');
  await channel.publish('', 'orders', 'one', { mandatory: true });
  const delivery = await channel.basicGet('orders', { noAck: true });
  await connection.close();
  await broker.close();
  console.log(`got ${delivery.text()}`);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
