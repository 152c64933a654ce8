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
      return value === null ? 'null' : Array.isArray(value) ? 'an array' : 'an object';
    case 'undefined':
      return 'undefined';
    default:
      return `of type ${typeof value}`;
  }
}
