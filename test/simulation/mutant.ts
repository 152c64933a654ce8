/** A planted defect: a change by hand at one place of one file. */
export interface Mutant {
  readonly file: string;
  /** Text that occurs in the file once. */
  readonly search: string;
  readonly replace: string;
  /** The consequence for a user. */
  readonly why: string;
}

/**
 * Returns the file without and with the defect.
 *
 * @param read the text of a file
 * @throws Error if the replaced text does not occur in the file once: the file has changed, and the defect must follow
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
