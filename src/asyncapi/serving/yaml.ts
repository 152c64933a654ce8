/** Words that YAML takes for something else than text, in one of its versions. */
const RESERVED = /^(?:true|false|null|yes|no|on|off|y|n|~)$/i;
/** Text that needs no quotes. It starts with two letters, unlike the numbers of all versions. */
const PLAIN = /^[A-Za-z_]{2}(?:[\w./ -]*[\w./])?$/;
/** Characters that JSON need not escape, and YAML does not print. */
const UNPRINTED = /[\u007f-\u009f\u2028\u2029\ufeff]/g;

/**
 * Writes a value of JSON as YAML 1.2 (https://yaml.org/spec/1.2.2/). Text that may mean something else is quoted as in JSON,
 * which YAML reads in the same way.
 */
export function toYaml(value: unknown): string {
  return `${lines(value, '').replace(/^\n/, '')}\n`;
}

/** Returns what follows a key or a hyphen, with a line break or a space before it. */
function lines(value: unknown, indent: string): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return ' []';
    return value.map((item) => `\n${indent}-${lines(item, `${indent}  `)}`).join('');
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, one]) => one !== undefined);
    if (entries.length === 0) return ' {}';
    return entries.map(([name, one]) => `\n${indent}${text(name)}:${lines(one, `${indent}  `)}`).join('');
  }
  return ` ${typeof value === 'string' ? text(value) : JSON.stringify(value)}`;
}

function text(value: string): string {
  if (PLAIN.test(value) && !RESERVED.test(value)) return value;
  return JSON.stringify(value).replaceAll(UNPRINTED, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
