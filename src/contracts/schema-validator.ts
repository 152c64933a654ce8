import type { Refuse, Validator } from './validator.js';
import type { ContractIssue } from './contract.errors.js';
import { isThenable } from '../common/thenable.js';
import type { SchemaIssue, SchemaResult, StandardSchema } from './standard-schema.js';
import { withUnknownFields } from './unknown-fields.js';

/** Validates by a Standard Schema. */
export function schemaValidator(
  { '~standard': standard }: StandardSchema,
  unknownFields: 'strip' | 'keep',
  refuse: Refuse,
): Validator {
  const valueOf = (result: SchemaResult<unknown>): unknown => {
    if (result.issues) throw refuse(result.issues.map(issueOf));
    return result.value;
  };
  // A method of the schema may use `this`.
  const validated = (payload: unknown): unknown => {
    const result = standard.validate(payload);
    return isThenable(result) ? Promise.resolve(result).then(valueOf) : valueOf(result);
  };
  if (unknownFields === 'strip') return { outgoing: validated, incoming: validated };
  const then = (payload: unknown, use: (value: unknown) => unknown): unknown => {
    const value = validated(payload);
    return isThenable(value) ? Promise.resolve(value).then(use) : use(value);
  };
  return {
    outgoing: (payload) => then(payload, () => payload),
    incoming: (payload) => then(payload, (value) => withUnknownFields(payload, value)),
  };
}

function issueOf(issue: SchemaIssue): ContractIssue {
  // `map` would create a list of the same class, whose constructor may take steps and no length.
  return { path: Array.from(issue.path ?? [], stepOf).join('.'), message: withoutValue(issue) };
}

function stepOf(step: PropertyKey | { readonly key: PropertyKey }): string {
  return String(typeof step === 'object' ? step.key : step);
}

/** Valibot (`received`) and ArkType (`actual`) end their messages with the refused value, which may be a secret. */
function withoutValue(issue: SchemaIssue): string {
  const { message } = issue;
  const { received, actual = received } = issue as { readonly received?: unknown; readonly actual?: unknown };
  const at = typeof actual === 'string' && actual !== '' ? message.lastIndexOf(actual) : -1;
  return at < 0 ? message : `${message.slice(0, at)}…${message.slice(at + (actual as string).length)}`;
}
