/** The embedded broker in a process of its own, so that its promises are not counted. Sends its URL to the parent. */
import { EmbeddedBroker } from 'nest-amqp/broker';

process.on('disconnect', () => process.exit());
const { url } = await EmbeddedBroker.start();
process.send({ url });
