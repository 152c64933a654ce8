import { ConsoleLogger, Logger } from '@nestjs/common';

/** The values that a log line has beside its text, such as `queue`, `handler` and `messageId`. */
export type LogFields = Readonly<Record<string, string | number | undefined>>;

type Level = 'debug' | 'log' | 'warn' | 'error';
type Arguments = readonly [message: unknown, ...further: unknown[]];

/**
 * Writes lines through Nest's `Logger`. A logger that is known to take objects also gets the fields; any other gets the
 * text alone, since custom loggers expect strings.
 */
export class FieldLogger {
  private readonly logger: Logger;

  constructor(context: string) {
    this.logger = new Logger(context);
  }

  debug(text: string, fields?: LogFields): void {
    this.write('debug', text, fields);
  }

  log(text: string, fields?: LogFields): void {
    this.write('log', text, fields);
  }

  /** @param stack frames of a stack, on lines of their own */
  warn(text: string, fields?: LogFields, stack?: string): void {
    this.write('warn', text, fields, stack);
  }

  /** @param stack frames of a stack, on lines of their own */
  error(text: string, fields?: LogFields, stack?: string): void {
    this.write('error', text, fields, stack);
  }

  private write(level: Level, text: string, fields: LogFields = {}, stack?: string): void {
    const [message, ...further] = formFor(this.logger)(text, fields, stack);
    this.logger[level](message, ...further);
  }
}

type Form = (text: string, fields: LogFields, stack: string | undefined) => Arguments;

const asText: Form = (text, _, stack) => [stack === undefined ? text : `${text}\n${stack}`];
/** Passes fields in the form of Nest 12, which calls them `params`. */
const textThenFields: Form = (text, fields, stack) => [text, { ...fields, stack }];
/** Passes fields in the form of pino. */
const fieldsThenText: Form = (text, fields, stack) => [{ ...fields, stack }, text];
/** Passes the text alone. The console of Nest 11 would write one more entry for each further argument. */
const oneObject: Form = (message, fields, stack) => [{ message, ...fields, stack }];

/** Chooses by the logger that the application uses now; `app.useLogger()` changes it. */
function formFor(logger: Logger): Form {
  const used: unknown = Reflect.get(logger, 'localInstance');
  if (used instanceof ConsoleLogger) {
    const { json, structuredParams } = (Reflect.get(used, 'options') ?? {}) as ConsoleOptions;
    if (json !== true) return asText;
    return 'stringifyParams' in used && structuredParams !== false ? textThenFields : oneObject;
  }
  return isPino(used) ? fieldsThenText : asText;
}

interface ConsoleOptions {
  readonly json?: boolean;
  /** An option of Nest 12. */
  readonly structuredParams?: boolean;
}

/** Recognises the `Logger` of nestjs-pino, which wraps a `PinoLogger`. */
function isPino(used: unknown): boolean {
  const { contextName, logger } = (used ?? {}) as { contextName?: unknown; logger?: { assign?: unknown } };
  return typeof contextName === 'string' && typeof logger?.assign === 'function';
}
