/** The functions that the command `nest-amqp asyncapi` loads when it is called. */
import type { Type } from '@nestjs/common';
import { AbstractHttpAdapter, NestFactory } from '@nestjs/core';
import { AmqpAsyncApi } from './amqp-async-api.js';
import type { AsyncApiInfo } from './document/build-document.js';
import type { AsyncApiDocument } from './document/document.js';

export { asyncApiBreaks } from './changes/document-breaks.js';
export { toYaml } from './serving/yaml.js';

/** An application without HTTP is initialised as soon as it is created, so it gets a server that does nothing. */
class NoHttp extends (AbstractHttpAdapter as unknown as new () => Pick<AbstractHttpAdapter, 'getHttpServer'>) {
  initHttpServer(): void {}
  close(): void {}
  getType(): string {
    return 'none';
  }
  patch(): void {}
}

/**
 * Makes the document of an application. Its providers are created; no lifecycle hook runs, so that nothing connects.
 *
 * @throws the error of a provider that cannot be created, ConfigurationError
 */
export async function documentOf(module: Type, info: AsyncApiInfo): Promise<AsyncApiDocument> {
  const app = await NestFactory.create(module, new NoHttp() as unknown as AbstractHttpAdapter, {
    logger: ['error', 'warn'],
    abortOnError: false,
  });
  return AmqpAsyncApi.createDocument(app, info);
}
