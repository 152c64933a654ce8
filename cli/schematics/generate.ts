import { posix } from 'node:path';
import { addToModule, findModule, hasClass, importPath, usesExtensions } from './module-file.js';
import { className, placeOf, propertyName, type GenerateOptions } from './names.js';
import { createFile, type Rule } from './tree.js';

/** `nest g -c nest-amqp consumer billing`: a consumer of the queue `billing`, with its test. */
export function consumer(options: GenerateOptions): Rule {
  return generate(options, 'consumer', consumerFile, consumerSpec);
}

/** `nest g -c nest-amqp publisher orders`: a publisher to the exchange `orders`, with its test. */
export function publisher(options: GenerateOptions): Rule {
  return generate(options, 'publisher', publisherFile, publisherSpec);
}

type Template = (name: string, extension: string) => string;

function generate(options: GenerateOptions, kind: 'consumer' | 'publisher', file: Template, spec: Template): Rule {
  return (tree, context) => {
    const { folder, name } = placeOf(options);
    const extension = usesExtensions(tree) ? '.js' : '';
    const path = posix.join(folder, `${name}.${kind}.ts`);
    const module = options.skipImport === true ? undefined : findModule(tree, folder);
    const element = className(name) + className(kind);
    if (module !== undefined && hasClass(tree, module, element)) {
      throw new Error(
        `${module} has a class ${element} already, so nothing is generated: choose another name, or move that class to a ` +
          'file of its own and use --skip-import',
      );
    }
    createFile(tree, context, path, file(name, extension));
    if (options.spec !== false) {
      createFile(
        tree,
        context,
        path.replace(/\.ts$/, `.${options.specFileSuffix ?? 'spec'}.ts`),
        spec(name, extension),
      );
    }
    if (options.skipImport === true) return;
    if (module === undefined) context.logger.warn(`no module is found: add ${element} to the providers of one`);
    else {
      const from = importPath(module, path, extension !== '');
      addToModule(tree, context, module, { list: 'providers', element, imports: [{ names: [element], from }] });
    }
  };
}

const consumerFile: Template = (name) => `import { Injectable, Logger } from '@nestjs/common';
import { AmqpConsumer, AmqpContext, Ctx, Payload } from 'nest-amqp';

export interface ${className(name)}Message {
  id: string;
}

@Injectable()
export class ${className(name)}Consumer {
  private readonly logger = new Logger(${className(name)}Consumer.name);

  // Declare the queue in the topology of AmqpModule: quorumQueue('${name}').
  @AmqpConsumer('${name}')
  handle(@Payload() message: ${className(name)}Message, @Ctx() context: AmqpContext): void {
    this.logger.log(\`\${message.id}, attempt \${context.attempt}\`);
  }
}
`;

const consumerSpec: Template = (name, extension) => `import 'reflect-metadata';
import { Test, TestingModule } from '@nestjs/testing';
import { AmqpModule, quorumQueue } from 'nest-amqp';
import { AmqpHarness, AmqpTestingModule } from 'nest-amqp/testing';
import { ${className(name)}Consumer } from './${name}.consumer${extension}';

describe('${className(name)}Consumer', () => {
  let app: TestingModule;
  let harness: AmqpHarness;

  beforeAll(async () => {
    app = await Test.createTestingModule({
      imports: [
        AmqpModule.forRoot({ url: 'amqp://localhost', topology: { queues: [quorumQueue('${name}')] } }),
        AmqpTestingModule.forRoot(),
      ],
      providers: [${className(name)}Consumer],
    }).compile();
    await app.init();
    harness = app.get(AmqpHarness);
  });
  afterAll(() => app.close());

  it('handles a message', async () => {
    expect(await harness.deliver('${name}', { id: '1' })).toMatchObject({ result: 'acked', attempts: 1 });
  });
});
`;

const publisherFile: Template = (name) => `import { Injectable } from '@nestjs/common';
import { ConfirmingPublisher } from 'nest-amqp';

export interface ${className(name)}Event {
  id: string;
}

@Injectable()
export class ${className(name)}Publisher {
  constructor(private readonly publisher: ConfirmingPublisher) {}

  /** Resolves once the broker has the event. Declare the exchange in the topology of AmqpModule: topicExchange('${name}'). */
  async created(event: ${className(name)}Event): Promise<void> {
    await this.publisher.publish('${name}', '${name}.created', event, { messageId: event.id });
  }
}
`;

const publisherSpec: Template = (name, extension) => `import 'reflect-metadata';
import { Test, TestingModule } from '@nestjs/testing';
import { AmqpModule, bindQueue, quorumQueue, topicExchange } from 'nest-amqp';
import { AmqpHarness, AmqpTestingModule } from 'nest-amqp/testing';
import { ${className(name)}Publisher } from './${name}.publisher${extension}';

describe('${className(name)}Publisher', () => {
  let app: TestingModule;

  beforeAll(async () => {
    const topology = {
      exchanges: [topicExchange('${name}')],
      queues: [quorumQueue('${name}-events')],
      bindings: [bindQueue('${name}-events', '${name}', '#')],
    };
    app = await Test.createTestingModule({
      imports: [AmqpModule.forRoot({ url: 'amqp://localhost', topology }), AmqpTestingModule.forRoot()],
      providers: [${className(name)}Publisher],
    }).compile();
    await app.init();
  });
  afterAll(() => app.close());

  it('publishes what was created', async () => {
    const ${propertyName(name)} = app.get(${className(name)}Publisher);
    await ${propertyName(name)}.created({ id: '1' });
    const published = app.get(AmqpHarness).published({ exchange: '${name}', routingKey: '${name}.created' });
    expect(published).toMatchObject([{ payload: { id: '1' } }]);
  });
});
`;
