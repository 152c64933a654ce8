import * as nest from '@nestjs/common';
import { InvalidConsumerError } from '../consumer.errors.js';

/** A schema by https://standardschema.dev, as those of Zod, Valibot and ArkType are. */
export interface PayloadSchema {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown, options?: never) => unknown;
  };
}

/** @throws InvalidConsumerError on Nest 11, which ignores schemas and would not validate payloads */
export function requireSchemaSupport(): void {
  if ('StandardSchemaValidationPipe' in nest) return;
  throw new InvalidConsumerError(
    '@Payload({ schema }) needs Nest 12 and its StandardSchemaValidationPipe. On Nest 11 use a pipe of your own, or a ' +
      'class and ValidationPipe.',
  );
}
