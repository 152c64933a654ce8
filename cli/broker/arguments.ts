import { parseArgs } from 'node:util';
import type { BrokerOptions } from '../../lib/broker/index.js';

export const USAGE = `usage: nest-amqp broker [--port 5672] [--host 127.0.0.1] [--vhost NAME]...

Runs the embedded AMQP 0-9-1 broker, for development: it keeps everything in memory, and forgets it when it ends.

  --port NUMBER   TCP port; 0 for one that is free. Default 5672
  --host ADDRESS  address to listen on. Default 127.0.0.1: other machines cannot connect
  --vhost NAME    a virtual host beside /; may be repeated
  --help          this text
  --version       the version of this package

User and password are guest and guest.

nest-amqp migrate --help tells how to move an application from other packages.
nest-amqp asyncapi --help tells how to document an application.
nest-amqp consumers, parked, redrive and topology, each with --help, tell how to operate one.
`;

const DEFAULT_PORT = 5672;

/** Reads the command line. @throws Error that says what is wrong with the command line */
export function parseArguments(args: readonly string[]): BrokerOptions | 'help' | 'version' {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      port: { type: 'string' },
      host: { type: 'string' },
      vhost: { type: 'string', multiple: true },
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'v' },
    },
  });
  if (values.help) return 'help';
  if (values.version) return 'version';
  const [command, ...more] = positionals;
  if (command !== 'broker') throw new Error(command === undefined ? 'no command' : `unknown command '${command}'`);
  if (more.length > 0) throw new Error(`unexpected argument '${more[0]}'`);
  const port = values.port === undefined ? DEFAULT_PORT : Number(values.port);
  if (!(Number.isInteger(port) && port >= 0 && port <= 65_535) || values.port === '') {
    throw new Error(`--port must be a number from 0 to 65535, not '${values.port}'`);
  }
  return { port, vhosts: ['/', ...(values.vhost ?? [])], ...(values.host === undefined ? {} : { host: values.host }) };
}
