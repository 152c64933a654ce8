/** Errors repeat at most this many characters of a text. */
const LONGEST = 20;

/**
 * Describes a wrong option for an error, such as `a string, '10 s'`. Values other than flags, numbers and strings are
 * described by their type only.
 */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'boolean':
      return String(value);
    case 'number':
      return `the number ${value}`;
    case 'string':
      return `a string, '${value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value}'`;
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? 'an array' : describeObject(value);
    case 'undefined':
      return 'undefined';
    default:
      return `of type ${typeof value}`;
  }
}

/** Names built-in kinds, such as a Map, which is an object without options. */
function describeObject(value: object): string {
  const kind = Object.prototype.toString.call(value).slice('[object '.length, -1);
  if (kind === 'Object') return 'an object';
  return `${/^[AEIOU]/.test(kind) ? 'an' : 'a'} ${kind}`;
}
