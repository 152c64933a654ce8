/**
 * Writes the document of each service into `asyncapi/`, or with `--check` compares it with what is there: the document of the
 * release that is deployed. An application of your own calls `npx nest-amqp asyncapi` in place of this file.
 */
import { spawnSync } from 'node:child_process';

const check = process.argv.includes('--check');
const env = { AMQP_URL: 'amqp://localhost', ...process.env };
let code = 0;
for (const service of ['shop', 'billing']) {
  const module = `dist/${service}/${service}.module.js`;
  const file = `asyncapi/${service}.json`;
  const args = ['../../dist/cli.mjs', 'asyncapi', module, '--title', service, check ? '--check' : '--out', file];
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit', env });
  code = Math.max(code, status ?? 1);
}
process.exitCode = code;
