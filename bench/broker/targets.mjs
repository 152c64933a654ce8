import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const PAGE = 4096;

/** Returns the resident memory of a process, in bytes (Linux). */
function rssOf(pid) {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE;
}

/** Starts the embedded broker in a process of its own. */
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
      // 'memory' collects garbage first.
      await ask('memory');
      return rssOf(child.pid);
    },
    /** Moves the broker's clock forward by an hour. */
    advance: () => ask('advance'),
    /** Returns the longest turn (ms) of the broker's event loop while `run` runs. */
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

/** Starts a private RabbitMQ, as the tests do. */
export async function startRabbit() {
  const { startRabbitMq } = await import(`${root}.build/support/rabbitmq.js`);
  const rabbit = await startRabbitMq();
  const pid = Number.parseInt((await rabbit.ctl('eval', 'list_to_integer(os:getpid()).')).trim(), 10);
  return { url: rabbit.url, rss: async () => rssOf(pid), stop: () => rabbit.stop() };
}
