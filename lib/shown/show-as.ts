const INSPECT = Symbol.for('nodejs.util.inspect.custom');

type Inspect = (value: unknown, options: unknown) => string;

/**
 * Says what `console.log`, `util.inspect` and `JSON.stringify` show of the objects of a class: what `describe` returns, and
 * nothing else. Their fields lead to options with passwords, and to messages with payloads.
 */
export function showAs<T extends object>(
  type: { readonly prototype: T; readonly name: string },
  describe: (object: T) => object,
): void {
  Object.defineProperties(type.prototype, {
    toJSON: { configurable: true, writable: true, value: function (this: T) { return describe(this); } }, // prettier-ignore
    [INSPECT]: {
      configurable: true,
      writable: true,
      value(this: T, _depth: number, options: unknown, inspect: Inspect) {
        return `${this.constructor.name} ${inspect(describe(this), options)}`;
      },
    },
  });
}
