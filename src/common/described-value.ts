/** The most of a text that an error repeats. */
const LONGEST = 20;

/** Type and value of a wrong option, for an error: `a string, '10 s'`. Of what is neither number nor text it says the type only. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'number':
      return `the number ${value}`;
    case 'string':
      return `a string, '${value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value}'`;
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? 'an array' : 'an object';
    default:
      return `of type ${typeof value}`;
  }
}
