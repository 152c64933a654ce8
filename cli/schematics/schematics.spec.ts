import { describe, expect, it } from '@jest/globals';
import { posix } from 'node:path';
import { consumer, nestAdd, publisher } from './index.js';
import type { Context, Tree } from './tree.js';

/** The tree of the Angular DevKit, as far as it is used. */
class MemoryTree implements Tree {
  readonly warnings: string[] = [];
  readonly hints: string[] = [];
  readonly context: Context = {
    logger: { info: (text) => void this.hints.push(text), warn: (text) => void this.warnings.push(text) },
  };

  constructor(readonly files: Record<string, string>) {}

  exists = (path: string): boolean => path in this.files;
  read = (path: string): Buffer | null => (path in this.files ? Buffer.from(this.files[path]!) : null);
  overwrite = (path: string, content: string): void => void (this.files[path] = content);

  create(path: string, content: string): void {
    if (path in this.files) throw new Error(`${path} exists`);
    this.files[path] = content;
  }

  getDir(path: string): ReturnType<Tree['getDir']> {
    const subfiles = Object.keys(this.files)
      .filter((file) => posix.dirname(file) === path)
      .map((file) => posix.basename(file));
    return { subfiles, parent: path === '/' ? null : { path: posix.dirname(path) } };
  }
}

const APP = `import { Module } from '@nestjs/common';
import { AppController } from './app.controller';

@Module({
  imports: [],
  controllers: [AppController],
})
export class AppModule {}
`;
const BILLING = `import { Module } from '@nestjs/common';

@Module({})
export class BillingModule {}
`;

describe('consumer and publisher', () => {
  it('are written with a test, and added to the module of their folder', () => {
    const tree = new MemoryTree({ '/src/app.module.ts': APP, '/src/billing/billing.module.ts': BILLING });
    consumer({ name: 'billing' })(tree, tree.context);
    expect(Object.keys(tree.files)).toEqual([
      '/src/app.module.ts',
      '/src/billing/billing.module.ts',
      '/src/billing/billing.consumer.ts',
      '/src/billing/billing.consumer.spec.ts',
    ]);
    expect(tree.files['/src/billing/billing.consumer.ts']).toContain("@AmqpConsumer('billing')");
    // The ESLint configuration of `nest new` (11) refuses an async method without await.
    expect(tree.files['/src/billing/billing.consumer.ts']).not.toContain('async');
    expect(tree.files['/src/billing/billing.module.ts']).toBe(`import { Module } from '@nestjs/common';
import { BillingConsumer } from './billing.consumer';

@Module({
  providers: [BillingConsumer],
})
export class BillingModule {}
`);
    expect(tree.warnings).toEqual([]);
  });

  it('go to the nearest module above, and name files as ES modules do where the project is one', () => {
    const tree = new MemoryTree({ '/package.json': '{ "type": "module" }', '/src/app.module.ts': APP });
    publisher({ name: 'shop/OrderEvents', spec: false })(tree, tree.context);
    expect(Object.keys(tree.files)).toContain('/src/shop/order-events/order-events.publisher.ts');
    expect(Object.keys(tree.files)).not.toContain('/src/shop/order-events/order-events.publisher.spec.ts');
    expect(tree.files['/src/app.module.ts']).toContain(
      "import { OrderEventsPublisher } from './shop/order-events/order-events.publisher.js';\n\n@Module({\n  providers: [OrderEventsPublisher],",
    );
  });

  it('overwrite nothing, and leave a module that is written in another way', () => {
    const tree = new MemoryTree({
      '/src/app.module.ts': 'export const AppModule = moduleOf({});\n',
      '/src/billing/billing.consumer.ts': 'mine',
    });
    consumer({ name: 'billing', specFileSuffix: 'test' })(tree, tree.context);
    expect(tree.files['/src/billing/billing.consumer.ts']).toBe('mine');
    expect(Object.keys(tree.files)).toContain('/src/billing/billing.consumer.test.ts');
    expect(tree.files['/src/app.module.ts']).toBe('export const AppModule = moduleOf({});\n');
    expect(tree.warnings).toEqual([
      '/src/billing/billing.consumer.ts is there already, and stays as it is',
      '/src/app.module.ts: add BillingConsumer to `providers` yourself',
    ]);
  });

  it.each([
    ['declares', '@Injectable()\nclass BillingConsumer {}\n'],
    ['imports', "import { Bank,\n  BillingConsumer } from './billing';\n"],
  ])('write nothing when the module %s a class of that name', (_, code) => {
    const files = { '/src/app.module.ts': `${code}${APP}` };
    const tree = new MemoryTree({ ...files });
    expect(() => consumer({ name: 'billing' })(tree, tree.context)).toThrow(
      '/src/app.module.ts has a class BillingConsumer already, so nothing is generated: choose another name',
    );
    expect(tree.files).toEqual(files);
    consumer({ name: 'billing', skipImport: true })(tree, tree.context);
    expect(Object.keys(tree.files)).toContain('/src/billing/billing.consumer.ts');
  });

  it('generate beside a class whose name only begins alike', () => {
    const code = "class BillingConsumerOptions {}\nimport { MyBillingConsumer } from './mine';\n";
    const tree = new MemoryTree({ '/src/app.module.ts': `${code}${APP}` });
    consumer({ name: 'billing' })(tree, tree.context);
    expect(tree.files['/src/app.module.ts']).toContain('providers: [BillingConsumer],');
  });

  it('need a name that a class can have', () => {
    const tree = new MemoryTree({});
    expect(() => consumer({ name: '7up' })(tree, tree.context)).toThrow("'7up' is no name");
  });
});

describe('nest-add', () => {
  it('adds the module, a health route and its test, once', () => {
    const tree = new MemoryTree({ '/src/app.module.ts': APP });
    nestAdd({ url: 'amqp://rabbit' })(tree, tree.context);
    const added = tree.files['/src/app.module.ts'];
    expect(added).toBe(`import { Module } from '@nestjs/common';
import { AppController } from './app.controller';
import { AmqpModule } from 'nest-amqp';
import { AmqpHealthController } from './health/amqp-health.controller';

@Module({
  imports: [AmqpModule.forRoot({ url: process.env['AMQP_URL'] ?? 'amqp://rabbit' })],
  controllers: [AmqpHealthController, AppController],
})
export class AppModule {}
`);
    expect(Object.keys(tree.files)).toContain('/src/health/amqp-health.controller.spec.ts');
    nestAdd({ url: 'amqp://rabbit' })(tree, tree.context);
    expect(tree.files['/src/app.module.ts']).toBe(added);
  });

  it('adds the health route to an application that imports the module already', () => {
    const module = APP.replace('imports: []', "imports: [AmqpModule.forRoot('amqp://rabbit')]");
    const tree = new MemoryTree({ '/src/app.module.ts': module });
    nestAdd({})(tree, tree.context);
    expect(tree.files['/src/app.module.ts']).toContain("imports: [AmqpModule.forRoot('amqp://rabbit')]");
    expect(tree.files['/src/app.module.ts']).toContain('controllers: [AmqpHealthController, AppController]');
    expect(tree.hints).toEqual([expect.stringContaining('imports AmqpModule already')]);
  });

  it('says which line main.ts needs, until it is there', () => {
    const main = 'await app.listen(3000);\n';
    const tree = new MemoryTree({ '/src/app.module.ts': APP, '/src/main.ts': main });
    nestAdd({})(tree, tree.context);
    expect(tree.hints).toEqual([expect.stringContaining('add app.enableShutdownHooks() before app.listen()')]);
    const done = new MemoryTree({ '/src/app.module.ts': APP, '/src/main.ts': `app.enableShutdownHooks();\n${main}` });
    nestAdd({})(done, done.context);
    expect(done.hints).toEqual([]);
  });

  it('refuses what is no URL, and warns of a password in the source', () => {
    const tree = new MemoryTree({ '/src/app.module.ts': APP });
    expect(() => nestAdd({ url: 'localhost' })(tree, tree.context)).toThrow("'localhost' is no AMQP URL");
    nestAdd({ url: 'amqp://shop:secret@rabbit' })(tree, tree.context);
    expect(tree.warnings).toEqual([expect.stringMatching(/password.*AMQP_URL/)]);
    expect(tree.warnings.join()).not.toContain('secret');
  });
});
