/**
 * Tests the sample's page in a real browser: `npm run test:browser` (Debian's Chromium; CHROMIUM names another). Places an
 * order and sends an unroutable one by their buttons, and awaits their display on the page. Uses the sample's embedded
 * broker, unless AMQP_URL names another.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import axe from 'axe-core';
import { EmbeddedBroker } from 'nest-amqp/broker';
import { PRODUCT_VERSION } from 'nest-amqp/client';
import { Checks, DEADLINE, launch } from './chromium.mjs';

const folder = mkdtempSync(join(tmpdir(), 'nest-amqp-browser-'));
const screenshot = process.env.SCREENSHOT ?? join(folder, 'orders.png');
const checks = new Checks();
const { check } = checks;
const expect = (is, text) => {
  if (!is) throw new Error(text);
};
let app;
let browser;

/** Starts the sample as a user does and resolves with its process and the URL that it prints. */
function startApp(brokerUrl = process.env.AMQP_URL ?? '') {
  const app = spawn(process.execPath, ['dist/main.js'], {
    cwd: 'sample/01-orders',
    env: { ...process.env, AMQP_URL: brokerUrl, PORT: '0', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  return new Promise((found, failed) => {
    app.stdout.on('data', (chunk) => {
      output += chunk;
      const url = /Open (http:\S+)/.exec(output)?.[1];
      if (url) found({ app, url });
    });
    app.once('exit', () => failed(new Error(`the sample ended before it listened:\n${output}`)));
  });
}

try {
  let url;
  ({ app, url } = await startApp());
  browser = await launch();
  const page = await browser.newPage();
  page.setDefaultTimeout(DEADLINE);
  const foreign = [];
  const complaints = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:')) foreign.push(request.url());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // The browser itself reports the 422 of the returned order.
    if (message.type() === 'error' && !message.text().includes('status of 422')) complaints.push(message.text());
  });

  await page.goto(url);
  await check('the page is connected to the stream of events', () => page.getByText('live', { exact: true }).waitFor());

  await check('an order goes published → confirmed → billed → shipped', async () => {
    await page.getByRole('button', { name: 'Place an order' }).click();
    const order = page.locator('#orders > li').first();
    for (const step of ['published', 'confirmed', 'billed', 'shipped']) {
      await order.locator(`.step.done[data-step="${step}"]`).waitFor();
    }
  });

  await check('an unroutable order is returned, with the reason', async () => {
    const answer = page.waitForResponse((response) => response.request().method() === 'POST');
    await page.getByRole('button', { name: 'Send one to nowhere' }).click();
    const status = (await answer).status();
    if (status !== 422) throw new Error(`the HTTP status is ${status}`);
    const order = page.locator('#orders > li').first();
    await order.locator('.step.done.returned').waitFor();
    await order.getByText('NO_ROUTE').waitFor();
    const told = await page.getByText('NO_ROUTE').count();
    if (told !== 1) throw new Error(`the reason is shown ${told} times`);
    if ((await order.locator('[data-step="confirmed"]').count()) > 0)
      throw new Error('the order is shown as confirmed, too');
  });

  await check('a page that opens later shows the same orders', async () => {
    const second = await browser.newPage();
    await second.goto(url);
    await second.locator('.step.done.returned').waitFor({ timeout: DEADLINE });
    const count = await second.locator('#orders > li').count();
    if (count !== 2) throw new Error(`the page shows ${count} orders instead of 2`);
    await second.close();
  });

  await check('only the visible one of many tabs keeps its stream of events', async () => {
    const context = await browser.newContext();
    // In headless mode every page counts as visible, so the test sets the state of the hidden tab.
    const setHidden = (tab, hidden) =>
      tab.evaluate(
        `Object.defineProperty(document, 'hidden', { configurable: true, value: ${hidden} });
         document.dispatchEvent(new Event('visibilitychange'));`,
      );
    const tabs = [];
    for (let count = 0; count < 8; count++) {
      if (tabs.length > 0) await setHidden(tabs.at(-1), true);
      const tab = await context.newPage();
      tab.setDefaultTimeout(DEADLINE);
      tab.on('pageerror', (error) => complaints.push(error.message));
      tabs.push(tab);
      await tab.goto(url);
    }
    await tabs.at(-1).getByRole('button', { name: 'Place an order' }).click();
    await tabs.at(-1).getByText('is confirmed').waitFor();
    await tabs.at(-1).locator('#orders > li').nth(2).waitFor();
    await setHidden(tabs.at(-1), true);
    await setHidden(tabs[0], false);
    await tabs[0].locator('#orders > li').nth(2).waitFor();
    const count = await tabs[0].locator('#orders > li').count();
    if (count !== 3) throw new Error(`the tab that is visible again shows ${count} orders instead of 3`);
    await context.close();
  });

  /** Place on the page, however it is scrolled. */
  const topOf = (order) => order.evaluate(({ offsetTop }) => offsetTop);
  const answers = (text) => page.locator('#answer').getByText(text).waitFor();
  const press = (name) => page.getByRole('button', { name }).click();
  /** Places an order whose three attempts to ship fail. Returns its card. */
  const placeOneThatFails = async () => {
    await press('Fail the next 3');
    await answers('The next 3 attempts to ship fail.');
    const before = await page.locator('#orders > li').count();
    await press('Place an order');
    await page.locator('#orders > li').nth(before).waitFor();
    return page.locator('#orders > li').first();
  };

  await check('the page names its broker, and claims no other', async () => {
    await page.getByText('This page runs on the embedded broker of this process').waitFor();
    expect(
      (await page.getByText(/RabbitMQ/).count()) === 0,
      'the page names RabbitMQ, and runs on the embedded broker',
    );
  });

  await check(
    'an order that cannot be shipped is retried, parked, sent back and shipped, and the list does not jump',
    async () => {
      const order = await placeOneThatFails();
      const below = page.locator('#orders > li').nth(1);
      const top = await topOf(below);
      await order.getByText('attempt 2 failed').waitFor();
      await order.locator('.step.done.parked').waitFor();
      expect((await topOf(below)) === top, 'the orders below moved while this one was retried and parked');
      await order.locator('summary').click();
      const attempts = await order.locator('.said').getByText('The carrier does not answer').count();
      expect(attempts === 3, `${attempts} failed attempts are listed instead of 3`);
      const shown = await order.getByText('Attempt 3: ').count();
      expect(shown === 1, `the last error is shown ${shown} times`);
      await order.locator('summary').click();
      await press('Send parked orders back');
      await order.locator('.step.done[data-step="shipped"]').waitFor();
      expect((await order.locator('.step.parked').count()) === 0, 'the order is still shown as parked');
      expect((await topOf(below)) === top, 'the orders below moved while this one was sent back');
    },
  );

  await check('a parked order leads to the board, which tells why it failed and sends it back', async () => {
    const order = await placeOneThatFails();
    const [board] = await Promise.all([page.waitForEvent('popup'), order.locator('a.step.parked').click()]);
    board.setDefaultTimeout(DEADLINE);
    board.on('pageerror', (error) => complaints.push(error.message));
    await board.getByRole('heading', { level: 1, name: 'Parked messages of sample-01.shipping' }).waitFor();
    await board.getByRole('button', { name: /^Error 1 The carrier does not answer/ }).waitFor();
    await board.getByRole('button', { name: 'Send all back' }).click();
    await board.getByRole('dialog').getByRole('button', { name: 'Send back', exact: true }).click();
    await board.getByText('done: 1 message sent').waitFor();
    await order.locator('.step.done[data-step="shipped"]').waitFor();
    await board.close();
  });

  await check('the board is linked, and shows both consumers', async () => {
    const [board] = await Promise.all([
      page.waitForEvent('popup'),
      page.getByRole('link', { name: /Open the board/ }).click(),
    ]);
    board.setDefaultTimeout(DEADLINE);
    for (const handler of ['BillingConsumer.onOrder', 'ShippingConsumer.onOrder']) {
      await board.getByRole('row', { name: new RegExp(handler) }).waitFor();
    }
    await board.close();
  });

  await check('axe finds nothing', async () => {
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    expect(violations.length === 0, violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`).join('; '));
  });

  await check('an order that is placed while the broker is away waits for it, and the list stays', async () => {
    const before = await page.locator('#orders > li').count();
    await press('Kill the broker for 5 s');
    await answers('The broker is dead');
    await press('Place an order');
    // The last entry of the list exists once the new order is shown; until then the first entry is an old one.
    await page.locator('#orders > li').nth(before).waitFor();
    const order = page.locator('#orders > li').first();
    await order.locator('.step.done[data-step="shipped"]').waitFor();
    const after = await page.locator('#orders > li').count();
    if (after !== before + 1) throw new Error(`${after} orders are shown after ${before} and one more`);
  });

  await check('ten thousand orders are confirmed, and the page does not change', async () => {
    const before = await page.locator('#orders > li').count();
    await press('Flood 10,000 orders');
    await answers('10,000 orders are confirmed');
    const after = await page.locator('#orders > li').count();
    if (after !== before) throw new Error(`${after} orders are shown instead of ${before}`);
  });

  await check('the page sends requests only to its own server, and has no errors', async () => {
    if (foreign.length > 0) throw new Error(`requests to ${foreign.join(', ')}`);
    if (complaints.length > 0) throw new Error(complaints.join('; '));
  });

  await page.screenshot({ path: screenshot });

  await check('on another broker the page names it, and says why it cannot be killed', async () => {
    const broker = await EmbeddedBroker.start();
    const other = await startApp(broker.url);
    try {
      const view = await browser.newPage();
      view.setDefaultTimeout(DEADLINE);
      await view.goto(other.url);
      await view.getByText(`nest-amqp embedded broker ${PRODUCT_VERSION} at 127.0.0.1:${broker.port}`).waitFor();
      const kill = view.getByRole('button', { name: 'Kill the broker for 5 s' });
      await view.getByText('Only the embedded broker can be killed from here.').waitFor();
      expect(await kill.isDisabled(), 'the button is enabled');
      await view.close();
    } finally {
      const exited = once(other.app, 'exit');
      other.app.kill('SIGKILL');
      await exited;
      await broker.close();
    }
  });

  await check('the sample stops on SIGTERM while the page is open', async () => {
    const exited = once(app, 'exit', { signal: AbortSignal.timeout(DEADLINE) });
    app.kill('SIGTERM');
    const [code, signal] = await exited;
    if (code !== 0) throw new Error(`it exited with ${code ?? signal}`);
  });
} finally {
  await browser?.close();
  if (app?.exitCode === null && app.signalCode === null) app.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}

checks.end();
