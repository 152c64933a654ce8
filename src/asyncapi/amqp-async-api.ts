import type { INestApplication, INestApplicationContext } from '@nestjs/common';
import { ConfigurationError } from '../../lib/client/index.js';
import { namesOf } from '../../lib/option-names/index.js';
import { FieldLogger } from '../common/field-logger.js';
import { pagePath } from '../common/http/page-path.js';
import { refuseUnknown } from '../common/known-options.js';
import { checkValues, TEXT } from '../common/option-values.js';
import { buildDocument, type AsyncApiInfo } from './document/build-document.js';
import type { AsyncApiDocument } from './document/document.js';
import { ServedDocument } from './serving/served-document.js';
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
    checkInfo('AmqpAsyncApi.createDocument()', info);
    const logger = new FieldLogger('AmqpAsyncApi');
    return buildDocument(await survey(app), info, (reason) => logger.warn(reason));
  }

  /**
   * Serves the document of an application of Express or Fastify: as a page at `path`, as JSON at `<path>-json`, and as YAML at
   * `<path>-yaml`. Call it before the application listens. The document is made at the first request.
   *
   * The page shows the document if `@asyncapi/web-component` is installed, and loads nothing from other servers. A global
   * prefix and guards do not apply, as for `SwaggerModule.setup()`.
   *
   * @example
   * ```ts
   * const app = await NestFactory.create(AppModule);
   * AmqpAsyncApi.setup(app, '/asyncapi', { title: 'Orders', version: '1.2.0' });
   * await app.listen(3000);
   * ```
   *
   * @throws ConfigurationError for a path that is none, an unknown option, or an application without HTTP
   */
  static setup(app: INestApplication, path: string, info: AsyncApiInfo = {}): void {
    const where = 'AmqpAsyncApi.setup()';
    checkInfo(where, info);
    const route = `/${pagePath(where, path)}`;
    const http = httpOf(app);
    if (!http)
      throw new ConfigurationError(`${where} needs an application with HTTP, as NestFactory.create() makes it`);
    const served = new ServedDocument(() => AmqpAsyncApi.createDocument(app, info));
    http.get(route, served.page);
    http.get(`${route}-json`, served.json);
    http.get(`${route}-yaml`, served.yaml);
  }
}

function checkInfo(where: string, info: AsyncApiInfo): void {
  refuseUnknown(where, info, INFO);
  checkValues(where, info, { title: TEXT, version: TEXT, description: TEXT });
}

/** An application context, which untyped callers may pass, has no adapter. */
function httpOf(app: Partial<Pick<INestApplication, 'getHttpAdapter'>>) {
  return app.getHttpAdapter?.();
}
