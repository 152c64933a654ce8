/**
 * Traces every message with OpenTelemetry.
 *
 * ```ts
 * import { NodeSDK } from '@opentelemetry/sdk-node';
 *
 * new NodeSDK({ instrumentations: [new AmqpInstrumentation()] }).start();
 * ```
 *
 * @see docs/observability.md in this package
 *
 * @packageDocumentation
 */
export { AmqpInstrumentation, type AmqpInstrumentationConfig } from './amqp-instrumentation.js';
