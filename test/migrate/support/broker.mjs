/** Starts a broker for one test file before the project's modules load: they read AMQP_URL at load time. */
import { EmbeddedBroker } from 'nest-amqp/broker';

globalThis.brokerOfThisFile = await EmbeddedBroker.start();
process.env.AMQP_URL = globalThis.brokerOfThisFile.url;
