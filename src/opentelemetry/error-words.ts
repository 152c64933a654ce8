/** Returns name and message of an error. A value that is no error, or throws when it is read, has the name `_OTHER`. */
export function errorWords(error: unknown): { readonly name: string; readonly message: string } {
  try {
    if (error instanceof Error) return { name: error.name || '_OTHER', message: error.message };
  } catch {
    // The value cannot be read.
  }
  return { name: '_OTHER', message: '' };
}
