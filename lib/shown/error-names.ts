/**
 * Gives classes of errors their names, from the keys of `kinds`: a minifier keeps those, and changes the names of classes.
 * An error has its name on its prototype, so that the name stands in its stack and not among its fields.
 */
export function nameErrors(kinds: Readonly<Record<string, { readonly prototype: Error }>>): void {
  for (const [name, { prototype }] of Object.entries(kinds)) prototype.name = name;
}
