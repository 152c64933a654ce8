/**
 * Returns what a validator has made of a payload, with the fields of the payload that the validator has dropped, at each
 * depth.
 */
export function withUnknownFields(payload: unknown, validated: unknown): unknown {
  if (payload === validated) return validated;
  if (Array.isArray(payload) && Array.isArray(validated)) {
    return payload.length === validated.length
      ? validated.map((item, index) => withUnknownFields(payload[index], item))
      : validated;
  }
  if (!isPlain(payload) || !isPlain(validated)) return validated;
  const kept = new Map(Object.entries(payload));
  for (const [name, value] of Object.entries(validated)) {
    kept.set(name, kept.has(name) ? withUnknownFields(kept.get(name), value) : value);
  }
  // Unlike an assignment, this makes a field of the name `__proto__` a field.
  return Object.fromEntries(kept);
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
