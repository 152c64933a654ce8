import * as nest from '@nestjs/common';
import { InvalidConsumerError } from '../consumer.errors.js';

/** @throws InvalidConsumerError on Nest 11, which ignores schemas and would not validate payloads */
export function requireSchemaSupport(): void {
  if ('StandardSchemaValidationPipe' in nest) return;
  throw new InvalidConsumerError(
    '@Payload({ schema }) needs Nest 12 and its StandardSchemaValidationPipe. On Nest 11 use a pipe of your own, or a ' +
      'class and ValidationPipe.',
  );
}
