/** The functions that the commands of `nest-amqp` for operators load when they are called. */
import { Logger } from '@nestjs/common';

export { json, plain, table } from './terminal/table.js';
export { Terminal } from './terminal/terminal.js';
export { topologyDiff } from './terminal/topology-diff.js';

/** Keeps the log away from the output of a command. Errors go to stderr. */
export const quiet = (): void => Logger.overrideLogger(['error', 'fatal']);
