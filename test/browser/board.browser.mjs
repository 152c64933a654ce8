/**
 * Tests the board in a real browser: `npm run test:browser` (Debian's Chromium; CHROMIUM names another). SCREENSHOTS names a folder
 * for pictures of each view. The application and its embedded broker run in this process.
 */
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import axe from 'axe-core';
import { HOSTILE, HOSTILE_QUEUE, startBoardApp } from './board-app.mjs';
import { Checks, DEADLINE, launch } from './chromium.mjs';
import { PathProxy } from './path-proxy.mjs';
import { webpOf } from './pictures.mjs';
import { StallingProxy } from './stalling-proxy.mjs';

const checks = new Checks();
const { check } = checks;
const expect = (is, text) => {
  if (!is) throw new Error(text);
};

const app = await startBoardApp();
const proxy = await PathProxy.start(app.url, '/tools/board-of-shop');
const browser = await launch();
const foreign = [];
const complaints = [];

/** Opens a page whose requests and complaints are noted. */
async function open(url = app.url, options = {}) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
  page.setDefaultTimeout(DEADLINE);
  page.on('request', (request) => {
    const { origin } = new URL(request.url());
    if (origin !== new URL(url).origin) foreign.push(request.url());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  // The browser itself reports requests that the proxy or the board refuses.
  page.on('console', (message) => {
    if (
      message.type() === 'error' &&
      !/ERR_(?:EMPTY_RESPONSE|CONNECTION|INCOMPLETE)|status of 400/.test(message.text())
    )
      complaints.push(message.text());
  });
  await page.goto(url);
  await page.getByText('live', { exact: true }).waitFor();
  return page;
}

const heading = (page, name) => page.getByRole('heading', { level: 1, name });
const heading2 = (page, name) => page.getByRole('heading', { level: 2, name });
const button = (page, name) => page.getByRole('button', { name, exact: true });
const confirmed = (page, name) => page.getByRole('dialog').getByRole('button', { name, exact: true }).click();
async function picture(page, name) {
  const folder = process.env.SCREENSHOTS;
  if (folder) await writeFile(join(folder, `${name}.webp`), await webpOf(browser, await page.screenshot()));
}

/** Presses Tab until the focus is on an element with that name. */
async function tabTo(page, name) {
  const reached = new Set();
  for (let steps = 0; steps < 80; steps++) {
    await page.keyboard.press('Tab');
    const focused = await page.evaluate(() => {
      const { activeElement: on } = document;
      return on === document.body ? '' : (on.getAttribute('aria-label') ?? on.textContent);
    });
    if (focused.includes(name)) return;
    reached.add(focused.slice(0, 30));
  }
  throw new Error(`80 presses of Tab do not reach "${name}", only ${[...reached].join(', ')}`);
}

/** @throws Error with what axe has found (https://github.com/dequelabs/axe-core) */
async function accessible(page) {
  // Colours of a transition are not those that are read.
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  const told = violations.map(
    ({ id, nodes }) =>
      `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 120)} ${failureSummary}`).join(' | ')}`,
  );
  expect(told.length === 0, told.join('\n  '));
}

async function fitsIn(page, width) {
  await page.setViewportSize({ width, height: 800 });
  const needed = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(needed <= width, `the page needs ${needed} px of ${width}`);
}

try {
  const page = await open();

  await check('a board without trouble says so', async () => {
    await heading(page, 'All is well').waitFor();
    await page.getByText('No handler has failed').waitFor();
    await accessible(page);
    await picture(page, 'all-is-well');
  });

  for (let id = 4_700; id < 4_720; id++) await app.order(id, id % 4 === 0 ? { total: 300 + id } : {});

  await check('an operator finds from the start page why order 4711 failed, and sends it back', async () => {
    await heading(page, /need.* attention/).waitFor();
    await picture(page, 'attention');
    await page.getByRole('link', { name: /20 messages of orders are parked/ }).click();
    await page.getByLabel('Search parked messages').fill('4711');
    await page.keyboard.press('Enter');
    await page.getByText('1 to 1 of 1').waitFor();
    await button(page, 'order-4711').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Error: the carrier does not answer for order 4711').waitFor();
    await dialog.getByText('"customer": "c-17"').waitFor();
    await dialog.getByText(/at Orders\.onOrder/).waitFor();
    await picture(page, 'message');
    await accessible(page);
    app.state.failing = false;
    await dialog.getByRole('button', { name: 'Send it back to orders' }).click();
    await page
      .getByRole('dialog', { name: /Send the message order-4711 back/ })
      .getByRole('button', { name: 'Send back' })
      .click();
    await page.getByText('done: 1 message sent').waitFor();
    await page.getByText('No parked message contains that.').waitFor();
    expect(
      app.log.some((line) => line.includes('alice sends selected messages back')),
      'the log does not name alice',
    );
  });

  await check('a message is edited by keyboard and sent back; what was typed outlives a refusal', async () => {
    await page.getByLabel('Search parked messages').fill('4710');
    await page.keyboard.press('Enter');
    await page.getByText('1 to 1 of 1').waitFor();
    await button(page, 'order-4710').press('Enter');
    await button(page, 'Edit and send back').press('Enter');
    const editor = page.getByRole('dialog', { name: 'Edit order-4710' });
    const payload = editor.getByLabel('Payload');
    expect(
      (await payload.inputValue()) === '{\n  "id": 4710,\n  "customer": "c-17",\n  "total": 20\n}',
      `the editor begins with ${await payload.inputValue()}`,
    );
    await accessible(page);
    await editor.getByRole('button', { name: 'Send it back, edited' }).click();
    await page.getByText('Nothing was changed yet.').waitFor();
    await payload.fill('{ "id": 4710, "customer": ');
    await editor.getByRole('button', { name: 'Send it back, edited' }).press('Enter');
    const question = page.getByRole('dialog', { name: 'Send order-4710 back to orders with these changes?' });
    await question.getByText('You have changed its payload.').waitFor();
    await accessible(page);
    await page.keyboard.press('Escape');
    await question.waitFor({ state: 'detached' });
    await editor.getByRole('button', { name: 'Send it back, edited' }).press('Enter');
    await page.keyboard.press('Enter');
    await page.getByText('The handler could not read this payload').waitFor();
    await payload.fill('{ "id": 4710, "customer": "c-18" }');
    await editor.getByRole('button', { name: 'Add a header' }).press('Enter');
    await page.keyboard.type('tenant');
    await page.keyboard.press('Tab');
    await page.keyboard.type(HOSTILE);
    await picture(page, 'edit');
    await accessible(page);
    await fitsIn(page, 360);
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.keyboard.press('Escape');
    await page.getByRole('dialog', { name: 'Give up your changes?' }).getByRole('button', { name: 'Cancel' }).click();
    await editor.getByRole('button', { name: 'Send it back, edited' }).click();
    await page.getByText('You have changed its payload; the header tenant.').waitFor();
    await confirmed(page, 'Send back');
    await page.getByText('The edited message is back in its queue.').waitFor();
    await page.getByText('No parked message contains that.').waitFor();
    await page.getByText('an edited message, by alice').waitFor();
    expect(
      app.state.handled.some(({ customer }) => customer === 'c-18'),
      'the handler did not get the edited order',
    );
    const line = app.log.find((each) => each.includes("alice sends the parked message 'order-4710'"));
    expect(/with another payload and another header 'tenant' back/.test(line), `the log tells ${line}`);
    expect(!app.log.some((each) => each.includes('c-18')), 'the log tells a payload');
  });

  await check('a payload that is not text cannot be edited; markup in the editor stays text', async () => {
    await app.parkBytes();
    await page.getByLabel('Search parked messages').fill('bytes');
    await button(page, 'Search').click();
    await button(page, 'bytes').click();
    await page.getByText('It cannot be edited. Its payload is not text.').waitFor();
    expect(await button(page, 'Edit and send back').isDisabled(), 'bytes can be edited');
    await accessible(page);
    await button(page, 'Close').click();
  });

  await check('JSON is indented for the editor without a change of its values', async () => {
    const wrong = await page.evaluate(async () => {
      const { indented } = await import(`${location.pathname.replace(/\/*$/, '/')}indent.js`);
      const same = ['', 'text', '{"half":', '5', '{\n}', '{"a" "b"}'];
      const shown = new Map([
        ['{}', '{}'],
        ['[ ]', '[]'],
        ['{"a":[],"b":{}}', '{\n  "a": [],\n  "b": {}\n}'],
        ['[12345678901234567890,1.0,-0e5]', '[\n  12345678901234567890,\n  1.0,\n  -0e5\n]'],
        ['{"a":1,"a":[true,null]}', '{\n  "a": 1,\n  "a": [\n    true,\n    null\n  ]\n}'],
        ['{"quoted \\"}":"a, b: [\\\\"}', '{\n  "quoted \\"}": "a, b: [\\\\"\n}'],
      ]);
      for (const text of same) shown.set(text, text);
      return [...shown].filter(([text, want]) => indented(text) !== want).map(([text]) => `${text}: ${indented(text)}`);
    });
    expect(wrong.length === 0, wrong.join('; '));
  });

  await check('messages are grouped by error; a group is sent back, and the others stay', async () => {
    await page.getByLabel('Search parked messages').fill('');
    await button(page, 'Search').click();
    await page.getByText('1 to 19 of 19').waitFor();
    await page.getByRole('button', { name: /^TypeError 5 credit limit of customer c-# exceeded by #/ }).click();
    await page.getByText('1 to 5 of 5').waitFor();
    await picture(page, 'group');
    await accessible(page);
    await page.getByRole('button', { name: 'Send group back: TypeError' }).click();
    await page.getByLabel('Messages per second, at most').fill('100');
    await confirmed(page, 'Send back');
    await page.getByText('done: 5 messages sent').waitFor();
    await page.getByText('1 to 14 of 14').waitFor();
  });

  await check('a selection is sent back', async () => {
    await page.getByLabel('Select order-4701').check();
    await page.getByLabel('Select order-4702').check();
    await button(page, 'Send 2 selected messages back').click();
    await confirmed(page, 'Cancel');
    await page.getByLabel('Select order-4701').uncheck();
    await button(page, 'Send 1 selected message back').click();
    await confirmed(page, 'Send back');
    await page.getByText('1 to 13 of 13').waitFor();
  });

  await check('a deletion needs the typed name of the queue', async () => {
    await button(page, 'Delete all').click();
    const go = page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true });
    await page.getByLabel(/^Type orders to confirm/).fill('order');
    expect(await go.isDisabled(), 'the button is on although the name is wrong');
    await page.getByLabel(/^Type orders to confirm/).fill('orders');
    await accessible(page);
    await go.click();
    await page.getByText('13 messages deleted.').waitFor();
    await page.getByText('Nothing is parked here.').waitFor();
    await accessible(page);
  });

  await check('names, headers, payloads and errors with markup are shown as text', async () => {
    await app.mail(HOSTILE);
    await page.getByRole('link', { name: 'Overview' }).click();
    const card = page.getByRole('link', { name: `1 message of ${HOSTILE_QUEUE} is parked` });
    await card.waitFor();
    await page.locator('summary').filter({ hasText: HOSTILE }).first().click();
    await card.click();
    await heading(page, `Parked messages of ${HOSTILE_QUEUE}`).waitFor();
    await button(page, HOSTILE).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Payload').getByText(HOSTILE).waitFor();
    await dialog.locator('dt').getByText(HOSTILE).waitFor();
    await accessible(page);
    await dialog.getByRole('button', { name: 'Edit and send back' }).click();
    expect((await page.getByLabel('Payload').inputValue()) === HOSTILE, 'the editor does not show the payload');
    expect((await page.getByLabel('Name of header 1').inputValue()) === HOSTILE, 'the editor does not show the header');
    await button(page, `Remove header ${HOSTILE}`).click();
    await button(page, 'Cancel').click();
    await confirmed(page, 'Give up');
    await button(page, 'Delete all').click();
    await page.keyboard.press('Escape');
    expect((await page.evaluate(() => globalThis.hacked)) === undefined, 'a name ran as a script');
    expect((await page.locator('main img').count()) === 0, 'a name became an element');
  });

  await check('keyboard alone: to a parked queue and back, and a consumer is paused and resumed', async () => {
    await page.goto(app.url);
    await page.getByText('live', { exact: true }).waitFor();
    await page.getByRole('link', { name: `1 message of ${HOSTILE_QUEUE} is parked` }).waitFor();
    await tabTo(page, 'is parked');
    await page.keyboard.press('Enter');
    await heading(page, /Parked messages of/).waitFor();
    const focused = await page.evaluate(() => document.activeElement.tagName);
    expect(focused === 'H1', `the focus is on ${focused} instead of the new heading`);
    await page.goBack();
    await heading(page, /need.* attention/).waitFor();
    await tabTo(page, 'Pause Orders.onOrder');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    expect(!app.log.some((line) => line.includes('alice paused')), 'Escape did not cancel');
    const back = await page.evaluate(() => document.activeElement.getAttribute('aria-label'));
    expect(back === 'Pause Orders.onOrder', `after Escape the focus is on ${back}`);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Enter');
    await page.getByText('Orders.onOrder is paused in this process.').waitFor();
    await page.getByRole('link', { name: /Orders\.onOrder is paused/ }).waitFor();
    await button(page, 'Resume Orders.onOrder').waitFor();
    await picture(page, 'paused');
    await button(page, 'Resume Orders.onOrder').press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Enter');
    await button(page, 'Pause Orders.onOrder').waitFor();
    expect(
      app.log.some((line) => line.includes('alice resumed')),
      'the log does not tell the resume',
    );
  });

  await check('prefetch and concurrency of a consumer are changed', async () => {
    await button(page, 'Limits of Orders.onOrder').click();
    const dialog = page.getByRole('dialog', { name: 'Limits of Orders.onOrder' });
    expect(
      (await dialog.getByLabel(/^Prefetch/).inputValue()) === '20',
      'the dialog does not show the present prefetch',
    );
    await dialog.getByLabel(/^Prefetch/).fill('70');
    await dialog.getByLabel(/^Concurrency/).fill('3');
    await accessible(page);
    await dialog.getByRole('button', { name: 'Change' }).click();
    await page.getByText('Orders.onOrder has the new limits in this process.').waitFor();
    await page.getByText('0 / 70', { exact: true }).waitFor();
    expect(
      app.log.some((line) => line.includes('alice limited') && line.includes('to prefetch 70 and concurrency 3')),
      'the log does not tell the limits',
    );
  });

  await check('a key press directly after a dialog is closed counts', async () => {
    const opened = await page.evaluate(async () => {
      const pause = document.querySelector('[aria-label="Pause Orders.onOrder"]');
      const dialogs = [];
      for (let count = 0; count < 3; count++) {
        pause.click();
        const dialog = document.querySelector('dialog[open]');
        dialogs.push(dialog?.textContent.includes('Pause Orders.onOrder?'));
        dialog?.querySelector('button[type="button"]').click();
        // The next key press is a task, which runs after all microtasks of this one.
        for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      }
      return dialogs;
    });
    expect(opened.every(Boolean), `the dialog was there: ${opened}`);
  });

  await check(
    'the focus stays on an entry that keeps its place or moves, and is on a heading when it vanishes',
    async () => {
      const wrong = await page.evaluate(async () => {
        const { h, keyed } = await import(`${location.pathname.replace(/\/*$/, '/')}dom.js`);
        const heading = h('h2', { text: 'Section' });
        const list = h('ul');
        const section = h('section', {}, heading, list);
        document.querySelector('main').append(section);
        const draw = (names) =>
          keyed(list, [...names], String, (name) => ({ element: h('li', {}, h('button', { text: name })) }));
        const found = [];
        const orders = ['ABCD', 'BCD', 'DCBA', 'XAYBZ', 'B', 'CAXB', 'ACDX', ''];
        for (const before of orders) {
          for (const focused of before) {
            for (const after of orders) {
              draw(before);
              [...list.querySelectorAll('button')].find((each) => each.textContent === focused).focus();
              draw(after);
              const on = document.activeElement.textContent;
              if (list.textContent !== after) found.push(`${before} to ${after} shows ${list.textContent}`);
              if (on !== (after.includes(focused) ? focused : 'Section'))
                found.push(`${before} to ${after}: from ${focused} to ${on.slice(0, 20)}`);
            }
          }
        }
        section.remove();
        return found;
      });
      expect(wrong.length === 0, wrong.slice(0, 5).join('\n  '));
    },
  );

  await check('the topology is a graph that the keyboard walks through, and that tells itself in words', async () => {
    const graph = page.getByRole('group', { name: /^Topology/ });
    const told = page.locator('.told');
    await graph.getByRole('img', { name: 'Exchange shop, topic' }).focus();
    await told.getByText('Goes to queue orders with order.created, order.paid; exchange <img').waitFor();
    await told.getByText('What it cannot route goes to exchange lost').waitFor();
    await page.keyboard.press('End');
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowRight');
    await graph.getByRole('img', { name: 'Queue orders' }).and(page.locator(':focus')).waitFor();
    await told.getByText('Gets messages of exchange shop with order.created, order.paid').waitFor();
    await told.getByText('Dead letters go to exchange lost').waitFor();
    await picture(page, 'topology');
    await page.keyboard.press('ArrowRight');
    await told.getByText('Orders.onOrder handles messages of queue orders, consuming').waitFor();
    expect((await graph.locator('[tabindex="0"]').count()) === 1, 'the graph is more than one stop of the Tab key');
    await graph.getByRole('link', { name: `1 parked message of ${HOSTILE_QUEUE}` }).click();
    await heading(page, `Parked messages of ${HOSTILE_QUEUE}`).waitFor();
    await page.goBack();
    await app.declareQueue('added-later', 'shop', 'later.#');
    await graph
      .getByRole('img', { name: 'Queue added-later, 0 ready. Gets messages of exchange shop with later.#' })
      .waitFor();
  });

  await check('light and dark, from 360 to 1920 px: axe finds nothing, and nothing is cut off', async () => {
    for (const colorScheme of ['light', 'dark']) {
      const view = await open(app.url, { colorScheme });
      await view.locator('.attention a').first().waitFor();
      for (const width of [360, 768, 1_280, 1_920]) await fitsIn(view, width);
      await accessible(view);
      await view.setViewportSize({ width: 360, height: 800 });
      await accessible(view);
      await picture(view, `overview-${colorScheme}-360`);
      await view.locator('.attention a').first().click();
      await view.getByText('1 to 1 of 1').waitFor();
      for (const width of [360, 1_920]) await fitsIn(view, width);
      await accessible(view);
      await picture(view, `parked-${colorScheme}`);
      await view.close();
    }
  });

  await check(
    'behind a proxy with another path, with and without a slash, the stream comes back after an outage',
    async () => {
      for (const url of [proxy.url, `${proxy.url}/`]) {
        const view = await open(url);
        await view.locator('.attention a').first().waitFor();
        proxy.leave();
        await view.getByText('not live, reconnecting').waitFor();
        proxy.return();
        await view.getByText('live', { exact: true }).waitFor();
        await view.locator('.attention a').first().click();
        await view.getByText('1 to 1 of 1').waitFor();
        await view.close();
      }
    },
  );

  await check('a consumer is paused in all instances, and the page shows who did not answer', async () => {
    const instances = 'shop';
    const one = await startBoardApp({ instances });
    const way = await StallingProxy.start(one.broker);
    const other = await startBoardApp({ instances, url: way.url });
    try {
      const view = await open(one.url);
      await view.locator('#instances tbody tr').nth(1).waitFor();
      await view.getByRole('row', { name: /this one/ }).waitFor();
      await button(view, 'Pause Orders.onOrder').click();
      await view.getByLabel(/^All instances: 2/).check();
      await accessible(view);
      await picture(view, 'all-instances');
      await confirmed(view, 'Pause');
      await heading2(view, 'Orders.onOrder is paused in 2 of 2 instances').waitFor();
      await accessible(view);
      await confirmed(view, 'Close');
      await view
        .getByRole('row', { name: /2 consuming|1 paused/ })
        .first()
        .waitFor();
      expect(
        other.log.some((line) => /alice \(on the board of \S+, process \d+\) paused/.test(line)),
        'the other instance does not log who paused it',
      );
      way.stall();
      await button(view, 'Resume Orders.onOrder').click();
      await view.getByLabel(/^All instances: 2/).check();
      await confirmed(view, 'Resume');
      await heading2(view, 'Orders.onOrder is resumed in 1 of 2 instances').waitFor();
      await view.getByRole('dialog').getByText('did not answer').waitFor();
      await accessible(view);
      await picture(view, 'who-did-not-answer');
      await confirmed(view, 'Close');
      await view.setViewportSize({ width: 360, height: 800 });
      await fitsIn(view, 360);
      await view.close();
    } finally {
      await way.close();
      await other.close();
      await one.close();
    }
  });

  await check(
    'a management API adds unacked messages and the age of the oldest one, and its silence has a reason',
    async () => {
      expect(
        !(await page.getByRole('columnheader', { name: 'Unacked' }).isVisible()),
        'there are columns without an API',
      );
      let broken = false;
      const orders = { name: 'orders', messages_unacknowledged: 7, head_message_timestamp: Date.now() / 1_000 - 7_205 };
      const api = createServer((_, response) =>
        response.writeHead(broken ? 401 : 200).end(JSON.stringify({ items: [orders] })),
      );
      await new Promise((listening) => api.listen(0, '127.0.0.1', listening));
      const own = await startBoardApp({ management: `http://user:s3cret@127.0.0.1:${api.address().port}` });
      try {
        const view = await open(own.url);
        const row = view.locator('#queues').getByRole('row', { name: /^orders/ });
        await row.getByText('7', { exact: true }).waitFor();
        await row.getByText('2 h ago').waitFor();
        await view.getByRole('columnheader', { name: 'Oldest ready' }).waitFor();
        await accessible(view);
        await fitsIn(view, 360);
        await view.setViewportSize({ width: 1280, height: 900 });
        broken = true;
        await view.getByText('management API: it refuses the credentials (401)').waitFor();
        await accessible(view);
        expect(!(await view.content()).includes('s3cret'), 'the page has the password');
        await view.close();
      } finally {
        await own.close();
        api.close();
        api.closeAllConnections();
      }
    },
  );

  await check('a hidden page leaves the event stream', async () => {
    const setHidden = (hidden) =>
      page.evaluate(
        `Object.defineProperty(document, 'hidden', { configurable: true, value: ${hidden} });
         document.dispatchEvent(new Event('visibilitychange'));`,
      );
    const ended = page.waitForEvent('requestfailed', (request) => request.url().endsWith('api/events'));
    await setHidden(true);
    await ended;
    const begun = page.waitForRequest((request) => request.url().endsWith('api/events'));
    await setHidden(false);
    await begun;
  });

  await check('the page sends requests to its own server only, and has no errors', () => {
    expect(foreign.length === 0, `requests to ${foreign.join(', ')}`);
    expect(complaints.length === 0, complaints.join('; '));
  });

  let large;
  await check('500 consumers below a global prefix: all are there, live, and can be filtered', async () => {
    large = await startBoardApp({ more: 500, prefix: 'api/v1' });
    const view = await open(large.url);
    await view.locator('#consumers tbody tr').nth(501).waitFor();
    await view.getByLabel('Filter Consumers').fill('queue-499');
    await view.getByText('1 of 502').waitFor();
    const graph = view.getByRole('group', { name: /^Topology/ });
    await button(view, 'Draw all 502 queues').click();
    await graph.locator('.queue').nth(501).waitFor();
    await view.getByLabel('Filter Topology').fill('queue-123');
    await view.getByText('1 of 502 queues').waitFor();
    expect((await graph.locator('.node').count()) === 3, 'the filter leaves more than exchange, queue and handler');
    await large.order(1);
    await view.getByLabel('Filter Consumers').fill('Orders');
    await view
      .getByRole('row', { name: /Orders\.onOrder/ })
      .locator('.alarm')
      .waitFor();
    await view.close();
  });
  await large?.close();
} finally {
  await browser.close();
  await proxy.close();
  await app.close();
}

checks.end();
