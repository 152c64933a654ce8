/** Returns a foreign error as text for a log. Any value can be thrown, even one without a text. */
export function textOf(error: unknown): string {
  try {
    return String(error);
  } catch {
    return 'something that has no text';
  }
}
