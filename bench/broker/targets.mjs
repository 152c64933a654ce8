import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const PAGE = 4096;

/** The resident memory of a process, in bytes (Linux). */
function rssOf(pid) {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE;
}

/** The embedded broker in a process of its own. */
export async function startEmbedded() {
  const options = JSON.stringify({ journalSize: 0 });
  const child = fork(`${root}test/support/embedded-child.mjs`, [`${root}dist/broker.mjs`, options], {
    execArgv: ['--expose-gc'],
  });
  const [url] = await once(child, 'message');
  const ask = async (what) => {
    child.send(what);
    return (await once(child, 'message'))[0];
  };
  return {
    url,
    async rss() {
      // What is garbage is not kept.
      await ask('memory');
      return rssOf(child.pid);
    },
    /** Lets an hour pass for it. */
    advance: () => ask('advance'),
    /** The longest turn of its event loop while `run` runs; ms. */
    async longestTurn(run) {
      await ask('memory');
      await ask('watchTurns');
      await run();
      return ask('longestTurn');
    },
    async stop() {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}

/** A private RabbitMQ, as the tests have. */
export async function startRabbit() {
  const { startRabbitMq } = await import(`${root}.build/support/rabbitmq.js`);
  const rabbit = await startRabbitMq();
  const pid = Number.parseInt((await rabbit.ctl('eval', 'list_to_integer(os:getpid()).')).trim(), 10);
  return { url: rabbit.url, rss: async () => rssOf(pid), stop: () => rabbit.stop() };
}
