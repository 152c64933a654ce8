/**
 * Tests of Nest applications without RabbitMQ: an embedded broker in the place of theirs, the real protocol in between.
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
