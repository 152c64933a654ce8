/** A defect that is planted: one place of one file, changed by hand. */
export interface Mutant {
  readonly file: string;
  /** Stands in the file once. */
  readonly search: string;
  readonly replace: string;
  /** What a user would see. */
  readonly why: string;
}

/**
 * The file without and with the defect.
 *
 * @param read the text of a file
 * @throws Error when the text that is replaced does not stand there once: the file has changed, and the defect must follow
 */
export function plant(
  { file, search, replace, why }: Mutant,
  read: (file: string) => string,
): { readonly sound: string; readonly broken: string } {
  const sound = read(file);
  const times = sound.split(search).length - 1;
  if (times !== 1) throw new Error(`the defect '${why}' does not fit: ${file} has ${times} times:\n${search}`);
  if (search === replace) throw new Error(`the defect '${why}' changes nothing`);
  return { sound, broken: sound.replace(search, () => replace) };
}
