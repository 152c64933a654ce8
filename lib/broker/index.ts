/**
 * An AMQP 0-9-1 broker in the process, for development and tests: RabbitMQ's behaviour on a real socket, everything in
 * memory, faults on demand, and a journal of events.
 *
 * @packageDocumentation
 */
export type { Clock, Random } from '../environment/index.js';
export { EmbeddedBroker, type QueueInfo } from './server.js';
export type { BrokerOptions, CheckLogin, LoginVerdict } from './options.js';
export type { BrokerFaults, ConnectionFilter, ConsumerFilter, DropKind, PublishFilter } from './control/faults.js';
export type { Journal, JournalEntries, JournalEntry, JournalKind, JournalMessage, EntryOf } from './control/journal.js';
export type { MessageToPutIn, PutIn } from './control/put-in.js';
export type { RestartOptions } from './control/restart.js';
export type { DeathReason } from './queue/dead-letter.js';
