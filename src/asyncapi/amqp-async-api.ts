import type { INestApplicationContext } from '@nestjs/common';
import { namesOf } from '../../lib/option-names/index.js';
import { FieldLogger } from '../common/field-logger.js';
import { refuseUnknown } from '../common/known-options.js';
import { checkValues, TEXT } from '../common/option-values.js';
import { buildDocument, type AsyncApiInfo } from './document/build-document.js';
import type { AsyncApiDocument } from './document/document.js';
import { survey } from './survey/survey.js';

const INFO = namesOf({ title: 0, version: 0, description: 0 } satisfies Record<keyof AsyncApiInfo, 0>);

/**
 * Documents an application: the brokers, exchanges and queues that it uses, and the messages that it sends and receives.
 *
 * @see docs/asyncapi.md
 * @publicApi
 */
export class AmqpAsyncApi {
  /**
   * Makes the document of an application. It need not be initialised, so no broker is needed:
   *
   * @example
   * ```ts
   * const app = await NestFactory.create(AppModule);
   * const document = await AmqpAsyncApi.createDocument(app, { title: 'Orders', version: '1.2.0' });
   * ```
   *
   * A log line warns of a schema that has no JSON Schema; its message has no payload in the document.
   *
   * @throws ConfigurationError for an unknown option, or without `AmqpModule`; InvalidConsumerError for a handler that could
   * not start
   */
  static async createDocument(app: INestApplicationContext, info: AsyncApiInfo = {}): Promise<AsyncApiDocument> {
    refuseUnknown('AmqpAsyncApi.createDocument()', info, INFO);
    checkValues('AmqpAsyncApi.createDocument()', info, { title: TEXT, version: TEXT, description: TEXT });
    const logger = new FieldLogger('AmqpAsyncApi');
    return buildDocument(await survey(app), info, (reason) => logger.warn(reason));
  }
}
