import { ValidationPipe, type ArgumentMetadata } from '@nestjs/common';
import type { ContractIssue } from './contract.errors.js';
import type { PayloadClass } from './contract-types.js';
import type { Refuse, Validator } from './validator.js';

/** An error of class-validator, an optional package. */
interface PropertyError {
  readonly property: string;
  readonly constraints?: Readonly<Record<string, string>>;
  readonly children?: readonly PropertyError[];
}

/** Validates by a class, with Nest's ValidationPipe: it finds class-validator and class-transformer in the application. */
export function classValidator(type: PayloadClass, unknownFields: 'strip' | 'keep', refuse: Refuse): Validator {
  const metadata: ArgumentMetadata = { type: 'body', metatype: type as never };
  const create = (transform: boolean): ValidationPipe =>
    new ValidationPipe({
      transform,
      whitelist: unknownFields === 'strip',
      exceptionFactory: (errors: readonly PropertyError[]) => refuse(errors.flatMap((error) => issuesOf(error, ''))),
    });
  const [sending, receiving] = [create(false), create(true)];
  const validate = (pipe: ValidationPipe, payload: unknown): Promise<unknown> => {
    // The pipe takes primitives and arrays for what they may contain.
    if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) {
      throw refuse([{ path: '', message: 'the payload must be an object' }]);
    }
    return pipe.transform(payload, metadata) as Promise<unknown>;
  };
  return {
    outgoing:
      unknownFields === 'strip'
        ? (payload) => validate(sending, payload)
        : async (payload) => {
            await validate(sending, payload);
            return payload;
          },
    incoming: (payload) => validate(receiving, payload),
  };
}

function issuesOf({ property, constraints = {}, children = [] }: PropertyError, within: string): ContractIssue[] {
  const path = within === '' ? property : `${within}.${property}`;
  return [
    ...Object.values(constraints).map((message) => ({ path, message })),
    ...children.flatMap((child) => issuesOf(child, path)),
  ];
}
