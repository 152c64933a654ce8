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
import { Checks, DEADLINE, launch } from './chromium.mjs';

const folder = mkdtempSync(join(tmpdir(), 'nest-amqp-browser-'));
const screenshot = process.env.SCREENSHOT ?? join(folder, 'orders.png');
const checks = new Checks();
const { check } = checks;
let app;
let browser;

/** Starts the sample as a user does and resolves with the URL that it prints. */
function startApp() {
  app = spawn(process.execPath, ['dist/main.js'], {
    cwd: 'sample/01-orders',
    env: { ...process.env, PORT: '0', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  return new Promise((found, failed) => {
    app.stdout.on('data', (chunk) => {
      output += chunk;
      const url = /Open (http:\S+)/.exec(output)?.[1];
      if (url) found(url);
    });
    app.once('exit', () => failed(new Error(`the sample ended before it listened:\n${output}`)));
  });
}

try {
  const url = await startApp();
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
    const order = page.locator('#orders li').first();
    for (const step of ['published', 'confirmed', 'billed', 'shipped']) {
      await order.locator(`.step.done[data-step="${step}"]`).waitFor();
    }
  });

  await check('an unroutable order is returned, with the reason', async () => {
    const answer = page.waitForResponse((response) => response.request().method() === 'POST');
    await page.getByRole('button', { name: 'Send one to nowhere' }).click();
    const status = (await answer).status();
    if (status !== 422) throw new Error(`the HTTP status is ${status}`);
    const order = page.locator('#orders li').first();
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
    const count = await second.locator('#orders li').count();
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
    await tabs.at(-1).locator('#orders li').nth(2).waitFor();
    await setHidden(tabs.at(-1), true);
    await setHidden(tabs[0], false);
    await tabs[0].locator('#orders li').nth(2).waitFor();
    const count = await tabs[0].locator('#orders li').count();
    if (count !== 3) throw new Error(`the tab that is visible again shows ${count} orders instead of 3`);
    await context.close();
  });

  const answers = (text) => page.locator('#answer').getByText(text).waitFor();
  const press = (name) => page.getByRole('button', { name }).click();

  await check('the page names its broker', () => page.getByText('the embedded broker of this process').waitFor());

  await check('an order that cannot be shipped is retried, parked, sent back and shipped', async () => {
    await press('Fail the next 3 attempts to ship');
    await answers('The next 3 attempts to ship fail.');
    const before = await page.locator('#orders li').count();
    await press('Place an order');
    await page.locator('#orders li').nth(before).waitFor();
    const order = page.locator('#orders li').first();
    await order.locator('.step.done.parked').waitFor();
    const attempts = await order.getByText('The carrier does not answer').count();
    if (attempts !== 3) throw new Error(`${attempts} failed attempts are shown instead of 3`);
    await press('Send parked orders back');
    await order.locator('.step.done[data-step="shipped"]').waitFor();
    if ((await order.locator('.step.parked').count()) > 0) throw new Error('the order is still shown as parked');
  });

  await check('an order that is placed while the broker is away waits for it, and the list stays', async () => {
    const before = await page.locator('#orders li').count();
    await press('Take the broker away for 5 s');
    await answers('The broker is away');
    await press('Place an order');
    // The last entry of the list exists once the new order is shown; until then the first entry is an old one.
    await page.locator('#orders li').nth(before).waitFor();
    const order = page.locator('#orders li').first();
    await order.locator('.step.done[data-step="shipped"]').waitFor();
    const after = await page.locator('#orders li').count();
    if (after !== before + 1) throw new Error(`${after} orders are shown after ${before} and one more`);
  });

  await check('ten thousand orders are confirmed, and the page does not change', async () => {
    const before = await page.locator('#orders li').count();
    await press('Flood 10,000 orders');
    await answers('10,000 orders are confirmed');
    const after = await page.locator('#orders li').count();
    if (after !== before) throw new Error(`${after} orders are shown instead of ${before}`);
  });

  await check('the page sends requests only to its own server, and has no errors', async () => {
    if (foreign.length > 0) throw new Error(`requests to ${foreign.join(', ')}`);
    if (complaints.length > 0) throw new Error(complaints.join('; '));
  });

  await page.screenshot({ path: screenshot });

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
