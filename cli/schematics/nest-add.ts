import { posix } from 'node:path';
import { addToModule, importPath, usesExtensions } from './module-file.js';
import { createFile, readText, type Context, type Rule, type Tree } from './tree.js';

/** The options of `nest add nest-amqp`. */
export interface AddOptions {
  /** The broker's URL, the default where AMQP_URL is not set. */
  readonly url?: string;
  readonly sourceRoot?: string;
}

/** Adds AmqpModule to the application's root module, and a health route with its test. */
export function nestAdd(options: AddOptions): Rule {
  return (tree, context) => {
    const url = options.url ?? 'amqp://localhost';
    if (!/^amqps?:\/\/./.test(url)) throw new Error(`'${url}' is no AMQP URL: amqp://user:password@host:5672/vhost`);
    if (/^amqps?:\/\/[^/@]*:[^/@]*@/.test(url)) {
      context.logger.warn('the source will contain the password of the URL: better set AMQP_URL');
    }
    const root = `/${(options.sourceRoot ?? 'src').replace(/^\//, '')}`;
    const extension = usesExtensions(tree);
    const controller = posix.join(root, 'health/amqp-health.controller.ts');
    createFile(tree, context, controller, healthController);
    createFile(tree, context, controller.replace(/\.ts$/, '.spec.ts'), healthSpec(extension ? '.js' : ''));

    const module = posix.join(root, 'app.module.ts');
    if (readText(tree, module)?.includes('AmqpModule.forRoot')) {
      context.logger.info(`${module} imports AmqpModule already: its options stay as they are`);
    } else {
      addToModule(tree, context, module, {
        list: 'imports',
        element: `AmqpModule.forRoot({ url: process.env['AMQP_URL'] ?? '${url}' })`,
        imports: [{ names: ['AmqpModule'], from: 'nest-amqp' }],
      });
    }
    if (!readText(tree, module)?.includes('AmqpHealthController')) {
      addToModule(tree, context, module, {
        list: 'controllers',
        element: 'AmqpHealthController',
        imports: [{ names: ['AmqpHealthController'], from: importPath(module, controller, extension) }],
      });
    }
    checkMain(tree, context, root);
  };
}

function checkMain(tree: Tree, context: Context, root: string): void {
  const main = readText(tree, posix.join(root, 'main.ts'));
  if (main !== undefined && !main.includes('enableShutdownHooks')) {
    context.logger.info(
      'main.ts: add app.enableShutdownHooks() before app.listen(), so that running handlers finish on SIGTERM',
    );
  }
}

const healthController = `import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { AmqpHealthIndicator } from 'nest-amqp';

@Controller('health/amqp')
export class AmqpHealthController {
  constructor(private readonly amqp: AmqpHealthIndicator) {}

  /** 200 when connections and consumers are well, 503 with the same details when they are not. */
  @Get()
  health() {
    const health = this.amqp.isHealthy();
    if (health.amqp.status === 'down') throw new ServiceUnavailableException(health);
    return health;
  }
}
`;

const healthSpec = (extension: string): string => `import 'reflect-metadata';
import { Test, TestingModule } from '@nestjs/testing';
import { AmqpModule } from 'nest-amqp';
import { AmqpTestingModule } from 'nest-amqp/testing';
import { AmqpHealthController } from './amqp-health.controller${extension}';

describe('AmqpHealthController', () => {
  let app: TestingModule;

  beforeAll(async () => {
    app = await Test.createTestingModule({
      imports: [AmqpModule.forRoot('amqp://localhost'), AmqpTestingModule.forRoot()],
      controllers: [AmqpHealthController],
    }).compile();
    await app.init();
  });
  afterAll(() => app.close());

  it('is up when the broker is there', () => {
    expect(app.get(AmqpHealthController).health()).toMatchObject({ amqp: { status: 'up' } });
  });
});
`;
