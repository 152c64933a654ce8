import { parseArgs } from 'node:util';
import { UsageError } from '../usage-error.js';

/** The lines of a usage that all commands for a broker share. */
export const BROKER_USAGE = `  URL                 of the broker: amqp://user:password@host/vhost. Default: the environment variable AMQP_URL
  --json              prints JSON in place of a table
  --help              this text
`;

const isUrl = (argument: string | undefined): boolean => /^amqps?:\/\//i.test(argument ?? '');

/** The options of one command: each has a text, or several. */
type Options = Readonly<Record<string, { readonly type: 'string'; readonly multiple?: boolean }>>;

type Values<Given extends Options> = {
  readonly [Name in keyof Given]?: Given[Name] extends { multiple: true } ? readonly string[] : string;
};

/** A command line for a broker. */
export interface BrokerCommand<Values> {
  readonly url: string;
  readonly json: boolean;
  /** The arguments without the URL. */
  readonly positionals: readonly string[];
  readonly values: Values;
}

/**
 * Reads a command line with the URL of a broker. No error repeats the URL, which may have a password.
 *
 * @param options besides `--json` and `--help`
 * @throws UsageError
 */
export function brokerCommand<const Given extends Options>(
  args: readonly string[],
  usage: string,
  options: Given,
): BrokerCommand<Values<Given>> | 'help' {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { ...options, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    });
  } catch (error) {
    throw new UsageError((error as Error).message, usage);
  }
  const { values, positionals } = parsed;
  if ((values as { help?: boolean }).help === true) return 'help';
  const urls = positionals.filter(isUrl);
  const url = urls[0] ?? process.env['AMQP_URL'];
  if (urls.length > 1) throw new UsageError('there are two URLs', usage);
  if (url === undefined || url === '') throw new UsageError('the URL of the broker is missing', usage);
  if (!isUrl(url)) throw new UsageError('AMQP_URL must begin with amqp:// or amqps://', usage);
  return {
    url,
    json: (values as { json?: boolean }).json === true,
    positionals: positionals.filter((argument) => !isUrl(argument)),
    values: values as Values<Given>,
  };
}

/** Reads a whole number of at least one. @throws UsageError */
export function wholeNumber(name: string, text: string | undefined, usage: string): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new UsageError(`--${name} must be a whole number from 1`, usage);
}
