/** The functions that the command `nest-amqp asyncapi` loads when it is called. */
import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { noHttp } from '../common/http/no-http.js';
import { AmqpAsyncApi } from './amqp-async-api.js';
import type { AsyncApiInfo } from './document/build-document.js';
import type { AsyncApiDocument } from './document/document.js';

export { asyncApiBreaks } from './changes/document-breaks.js';
export { toYaml } from './serving/yaml.js';

/**
 * Makes the document of an application. Its providers are created; no lifecycle hook runs, so that nothing connects.
 *
 * @throws the error of a provider that cannot be created, ConfigurationError
 */
export async function documentOf(module: Type, info: AsyncApiInfo): Promise<AsyncApiDocument> {
  const app = await NestFactory.create(module, noHttp(), {
    logger: ['error', 'warn'],
    abortOnError: false,
  });
  return AmqpAsyncApi.createDocument(app, info);
}
