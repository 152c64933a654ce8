import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { Module, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { AmqpModule, ConfigurationError, defineEvents } from 'nest-amqp';
import { AmqpAsyncApi, type AsyncApiInfo } from 'nest-amqp/asyncapi';
import { parse } from 'yaml';
import { z } from 'zod';

const ADAPTERS = { Express: () => new ExpressAdapter(), Fastify: () => new FastifyAdapter() };
const orders = defineEvents('orders', { 'order.created': z.object({ id: z.string() }) });

@Module({
  imports: [
    // Nobody listens on port 1.
    AmqpModule.forRoot({ url: 'amqp://guest:s3cret@127.0.0.1:1', startup: 'background' }),
    AmqpModule.forFeature([{ publisher: 'orders', exchange: orders }]),
  ],
})
class AppModule {}

let app: INestApplication | undefined;

afterEach(async () => {
  await app?.close();
  app = undefined;
});

async function listen(adapter: keyof typeof ADAPTERS, path: string, info?: AsyncApiInfo): Promise<string> {
  app = await NestFactory.create(AppModule, ADAPTERS[adapter](), { logger: false });
  AmqpAsyncApi.setup(app, path, info);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  return `http://127.0.0.1:${port}`;
}

describe.each(['Express', 'Fastify'] as const)('AmqpAsyncApi.setup() on %s', (adapter) => {
  it('serves the document as JSON and as YAML', async () => {
    const origin = await listen(adapter, '/docs/asyncapi/', { title: 'Shop', version: '2.0.0' });
    const document = await AmqpAsyncApi.createDocument(app!, { title: 'Shop', version: '2.0.0' });
    const json = await fetch(`${origin}/docs/asyncapi-json`);
    expect(json.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(await json.json()).toEqual(document);
    const yaml = await fetch(`${origin}/docs/asyncapi-yaml`);
    expect(yaml.headers.get('content-type')).toBe('application/yaml; charset=utf-8');
    expect(parse(await yaml.text())).toEqual(document);
    const again = await fetch(`${origin}/docs/asyncapi-json`, {
      headers: { 'if-none-match': json.headers.get('etag')! },
    });
    expect(again.status).toBe(304);
  });

  it('serves a page with the files that it names, all of this server', async () => {
    const origin = await listen(adapter, '/asyncapi');
    const page = await fetch(`${origin}/asyncapi`);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    const html = await page.text();
    expect(html).toContain('<asyncapi-component');
    expect(html).not.toContain('//');
    const names = [...html.matchAll(/"\?file=([^"]+)"/g)].map(([, name]) => name);
    expect(names).toEqual(['asyncapi.json', 'style.css', 'component.js']);
    for (const name of names) {
      const response = await fetch(`${origin}/asyncapi?file=${name}`);
      expect([response.status, (await response.text()).length > 1_000]).toEqual([200, true]);
    }
    const missing = await fetch(`${origin}/asyncapi?file=../package.json`);
    expect(missing.status).toBe(404);
  });
});

describe('AmqpAsyncApi.setup()', () => {
  it.each<[string, string, AsyncApiInfo | undefined, string]>([
    ['a path that is none', '/a b', undefined, "AmqpAsyncApi.setup(): path must be a path such as '/amqp'"],
    [
      'an unknown option',
      '/asyncapi',
      { titel: 'Shop' } as AsyncApiInfo,
      "unknown option 'titel'; did you mean 'title'?",
    ],
  ])('refuses %s', async (_, path, info, message) => {
    app = await NestFactory.create(AppModule, { logger: false });
    expect(() => AmqpAsyncApi.setup(app!, path, info)).toThrow(ConfigurationError);
    expect(() => AmqpAsyncApi.setup(app!, path, info)).toThrow(message);
  });

  it('refuses an application without HTTP', async () => {
    const context = await Test.createTestingModule({ imports: [AppModule] }).compile();
    expect(() => AmqpAsyncApi.setup(context as unknown as INestApplication, '/asyncapi')).toThrow(
      'AmqpAsyncApi.setup() needs an application with HTTP',
    );
    await context.close();
  });
});
