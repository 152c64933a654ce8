/** Somebody else's error in words, for a log. Anything can be thrown, also what has no text. */
export function textOf(error: unknown): string {
  try {
    return String(error);
  } catch {
    return 'something that has no text';
  }
}
