/** Sends a message through the embedded broker. */
import { EmbeddedBroker } from 'nest-amqp/broker';
import { connect } from 'nest-amqp/client';

const broker = await EmbeddedBroker.start({ port: 0 });
const connection = await connect(broker.url);
const channel = await connection.openChannel({ confirm: true });
await channel.queueDeclare('q');
await channel.publish('', 'q', 'hello', { mandatory: true });
const text = (await channel.basicGet('q', { noAck: true })).text();
await connection.close();
await broker.close();
if (text !== 'hello') throw new Error('got ' + text);
