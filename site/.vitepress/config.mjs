import { readFileSync } from 'node:fs';
import { withMermaid } from 'vitepress-plugin-mermaid';

const root = new URL('../../', import.meta.url);
const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
const { SITE_REFERENCE: reference = '' } = process.env;

const page = (text, link) => ({ text, link });

export default withMermaid({
  title: 'nest-amqp',
  description: 'RabbitMQ for NestJS: consumers, confirmed publishes, retries, and an embedded broker for tests',
  lang: 'en',
  srcDir: '../.build/site/source',
  outDir: '../.build/site/html',
  cacheDir: '../.build/site/cache',
  cleanUrls: false,
  // TypeDoc makes the reference, outside VitePress.
  ignoreDeadLinks: [/^\/reference\//],
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  vite: { publicDir: reference },
  // Themes in which every token has enough contrast.
  markdown: { theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' } },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      page('Guides', '/getting-started'),
      { text: 'API reference', link: '/reference/index.html', target: '_self' },
      { text: `v${version}`, items: [page('Changelog', '/changelog'), page('Releases', '/release')] },
    ],
    sidebar: [
      {
        text: 'Use it',
        items: [
          page('Overview', '/overview'),
          page('Getting started', '/getting-started'),
          page('Consumers', '/consumers'),
          page('Publishers', '/publishers'),
          page('Delayed messages', '/delayed-messages'),
          page('Contracts', '/contracts'),
          page('AsyncAPI', '/asyncapi'),
          page('Retry and parking', '/retry-and-parking'),
          page('Outbox and inbox', '/outbox'),
          page('Topology', '/topology'),
          page('Start and shutdown', '/shutdown'),
          page('Health', '/health'),
          page('The board', '/board'),
          page('Observability', '/observability'),
          page('Deployment', '/deployment'),
          page('Glossary', '/glossary'),
        ],
      },
      {
        text: 'Test with it',
        items: [page('Testing an application', '/testing'), page('The embedded broker', '/broker')],
      },
      {
        text: 'Use the core alone',
        items: [page('The client', '/client'), page('Features of the client', '/features')],
      },
      {
        text: 'Move to it',
        items: [
          page('From golevelup', '/migrating-from-golevelup'),
          page('From Transport.RMQ', '/migrating-from-transport-rmq'),
          page('From amqplib', '/migrating-from-amqplib'),
        ],
      },
      {
        text: 'Judge it',
        items: [
          page('Performance', '/performance'),
          page('Reliability', '/reliability'),
          page('Compatibility', '/compatibility'),
          page('Architecture', '/architecture'),
        ],
      },
      {
        text: 'Project',
        items: [page('Contributing', '/contributing'), page('Security', '/security'), page('Changelog', '/changelog')],
      },
    ],
  },
});
