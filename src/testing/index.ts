/**
 * Tests of Nest applications without RabbitMQ: the application uses an embedded broker, over the real protocol.
 *
 * @packageDocumentation
 */
export { AmqpTestingModule } from './amqp-testing.module.js';
export {
  AmqpHarness,
  type DeliverOptions,
  type HarnessOptions,
  type HarnessPublishOptions,
  type WaitOptions,
} from './amqp-harness.js';
export type { DeliveryOutcome, DeliveryResult } from './delivery-outcome.js';
export type { PublishedMatch, PublishedMessage } from './published-messages.js';
export { HarnessPublishError, HarnessTimeoutError } from './testing.errors.js';
export { contractBreaks } from './contract-changes.js';
export type { ContractBreak } from '../contracts/changes/contract-breaks.js';
