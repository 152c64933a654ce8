/** Returns what was thrown as an error: a thrown non-error becomes the message of one. */
export const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));
