/**
 * Lists the names of all options. The list and the interface check each other: a missing or additional name does not
 * compile.
 *
 * ```ts
 * const KNOWN = namesOf({ attempts: 0, then: 0 } satisfies Record<keyof Options, 0>);
 * ```
 */
export function namesOf(names: Record<string, 0>): readonly string[] {
  return Object.keys(names);
}
