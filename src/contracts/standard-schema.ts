/**
 * A schema by https://standardschema.dev, as those of Zod, Valibot and ArkType are.
 *
 * @publicApi
 */
export interface StandardSchema<Input = unknown, Output = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown, options?: never) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/**
 * The result of a schema's `validate`.
 *
 * @publicApi
 */
export type SchemaResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] };

/**
 * One reason why a schema refuses a value.
 *
 * @publicApi
 */
export interface SchemaIssue {
  /** The broken rule, as text. */
  readonly message: string;
  /** The keys that lead to the value; undefined for the payload itself. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Validators are objects, or functions with properties, as those of ArkType. */
export function isStandardSchema(value: unknown): value is StandardSchema {
  const standard = (Object(value) as Partial<StandardSchema>)['~standard'];
  return typeof (Object(standard) as { readonly validate?: unknown }).validate === 'function';
}
