/** A broker for one test file, there before the project's modules are read: they take AMQP_URL as they are loaded. */
import { EmbeddedBroker } from 'nest-amqp/broker';

globalThis.brokerOfThisFile = await EmbeddedBroker.start();
process.env.AMQP_URL = globalThis.brokerOfThisFile.url;
