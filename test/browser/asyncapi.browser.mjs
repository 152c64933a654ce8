/**
 * Renders documents of applications in a real browser: `npm run test:browser` (Debian's Chromium; CHROMIUM names another).
 * The golden documents are shown by the component of AsyncAPI, and the served page requests nothing from other servers.
 */
import 'reflect-metadata';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AmqpModule } from 'nest-amqp';
import { AmqpAsyncApi } from 'nest-amqp/asyncapi';
import { Checks, launch } from './chromium.mjs';

const GOLDEN = 'test/asyncapi/golden';
/** ms. The component has 2.6 MB, and parses the document twice. */
const DEADLINE = 60_000;
const checks = new Checks();

class AppModule {}
// Nobody listens on port 1.
Module({ imports: [AmqpModule.forRoot({ url: 'amqp://127.0.0.1:1', startup: 'background' })] })(AppModule);
const app = await NestFactory.create(AppModule, { logger: false });
AmqpAsyncApi.setup(app, '/docs/asyncapi', { title: 'An application' });
await app.listen(0, '127.0.0.1');
const url = `${(await app.getUrl()).replace('[::1]', '127.0.0.1')}/docs/asyncapi`;
const browser = await launch();

/** Opens the page and waits for its title. @param document to show in place of the application's */
async function shows(address, title, document) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(DEADLINE);
  const wrong = [];
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin && !request.url().startsWith('data:'))
      wrong.push(`a request to ${request.url()}`);
  });
  page.on('pageerror', (error) => wrong.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') wrong.push(message.text());
  });
  if (document) await page.route('**/*file=asyncapi.json', (route) => route.fulfill({ json: document }));
  await page.goto(address);
  await page.getByText(title).first().waitFor();
  const operations = Object.keys(document?.operations ?? {}).length;
  if (operations > 0) await page.getByText(Object.keys(document.components.messages)[0]).first().waitFor();
  const problems = await page.getByText(/There are errors|Error:/).count();
  if (problems > 0) wrong.push('the component tells of errors');
  await page.close();
  if (wrong.length > 0) throw new Error(wrong.join('\n  '));
}

await checks.check('the page shows the document of the application', () => shows(url, 'An application'));
await checks.check('also with a slash at the end', () => shows(`${url}/`, 'An application'));
for (const name of readdirSync(GOLDEN)) {
  const document = JSON.parse(readFileSync(join(GOLDEN, name), 'utf8'));
  await checks.check(`the page shows ${name}`, () => shows(url, document.info.title, document));
}
await browser.close();
await app.close();
checks.end();
