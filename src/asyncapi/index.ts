/**
 * A document of AsyncAPI 3, made from what the application declares, publishes and handles.
 *
 * ```ts
 * AmqpAsyncApi.setup(app, '/asyncapi', { title: 'Orders', version: '1.2.0' });
 * ```
 *
 * @see docs/asyncapi.md in this package
 *
 * @packageDocumentation
 */
export { AmqpAsyncApi } from './amqp-async-api.js';
export { asyncApiBreaks } from './changes/document-breaks.js';
export type { AsyncApiInfo } from './document/build-document.js';
export type { AsyncApiDocument } from './document/document.js';
