/**
 * `npm run docs:site:check`: checks the built site in a real browser (Debian's Chromium; CHROMIUM names another). Each page is
 * opened at widths from 360 to 1600 px, in light and dark: no content is wider than the page, axe finds no violation, the page
 * requests nothing from other servers, and no error occurs. The check then uses the search, and the keyboard alone.
 */
import { createServer } from 'node:http';
import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { chromium } from 'playwright-core';

const ROOT = '.build/site/html';
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.json': 'application/json', '.woff2': 'font/woff2' }; // prettier-ignore
const WIDTHS = [360, 768, 1_600];
const axe = readFileSync('site/node_modules/axe-core/axe.min.js', 'utf8');
const problems = [];

const server = createServer((request, response) => {
  const path = join(ROOT, decodeURIComponent(new URL(request.url, 'http://site').pathname));
  const file = existsSync(path) && statSync(path).isDirectory() ? join(path, 'index.html') : path;
  if (!existsSync(file)) return void response.writeHead(404).end();
  response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' });
  createReadStream(file).pipe(response);
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const base = `http://127.0.0.1:${server.address().port}`;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
});

/** The pages of the guides; TypeDoc makes those of the reference. */
const pages = readdirSync(ROOT, { recursive: true, encoding: 'utf8' }).filter(
  (name) => name.endsWith('.html') && !name.startsWith('reference') && name !== '404.html',
);

async function open(colorScheme) {
  const page = await browser.newPage({ colorScheme });
  page.on('request', (request) => {
    if (!request.url().startsWith(base) && !request.url().startsWith('data:'))
      problems.push(`request to another server: ${request.url()}`);
  });
  page.on(
    'response',
    (response) => response.status() >= 400 && problems.push(`${response.status()}: ${response.url()}`),
  );
  page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`));
  return page;
}

try {
  for (const colorScheme of ['light', 'dark']) {
    const page = await open(colorScheme);
    for (const name of pages) {
      await page.goto(`${base}/${name}`, { waitUntil: 'networkidle' });
      for (const width of colorScheme === 'light' ? WIDTHS : []) {
        await page.setViewportSize({ width, height: 900 });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        if (wide > 0) problems.push(`${name}: ${wide} px too wide at ${width} px`);
      }
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run(document));
      for (const { id, nodes } of violations) problems.push(`${name}, ${colorScheme}: ${id}: ${nodes.length} × ${nodes[0].html.slice(0, 140)} ${nodes[0].any[0]?.message ?? ''}`); // prettier-ignore
    }
    await page.close();
  }
  const page = await open('light');
  await page.goto(`${base}/index.html`, { waitUntil: 'networkidle' });
  await page.locator('.DocSearch-Button').click();
  await page.locator('.VPLocalSearchBox input').fill('redrive');
  await page.locator('.VPLocalSearchBox .result').first().waitFor();
  await page.keyboard.press('Enter');
  await page.waitForURL((url) => !url.pathname.endsWith('/index.html') && url.pathname !== '/');
  // By keyboard alone, the first Tab reaches the skip link.
  await page.goto(`${base}/getting-started.html`, { waitUntil: 'networkidle' });
  await page.keyboard.press('Tab');
  const first = await page.evaluate(() => document.activeElement?.textContent?.trim());
  if (first !== 'Skip to content') problems.push(`the first Tab leads to '${first}'`);
  await page.goto(`${base}/reference/index.html`);
  if (!(await page.title()).includes('nest-amqp')) problems.push('the API reference is missing');
} catch (error) {
  problems.push(error.message);
} finally {
  await browser.close();
  server.close();
}
for (const problem of new Set(problems)) console.error(problem);
console.log(`${pages.length} pages, ${new Set(problems).size} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;
