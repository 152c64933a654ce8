/** `OrderEvents`, `order events` and `order_events` are `order-events`. */
export function dashed(name: string): string {
  return name
    .replaceAll(/([a-z\d])([A-Z])/g, '$1-$2')
    .replaceAll(/[\s_.]+/g, '-')
    .toLowerCase();
}

/** `order-events` is `OrderEvents`. */
export function className(name: string): string {
  return dashed(name)
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}

export function propertyName(name: string): string {
  const upper = className(name);
  return upper.charAt(0).toLowerCase() + upper.slice(1);
}

/** The options of `nest generate`. */
export interface GenerateOptions {
  readonly name: string;
  /** A folder below the source root. */
  readonly path?: string;
  readonly sourceRoot?: string;
  /** Creates no folder for the element. Default false. */
  readonly flat?: boolean;
  /** Generates a test, too. Default true. */
  readonly spec?: boolean;
  readonly specFileSuffix?: string;
  /** Do not add it to a module. Default false. */
  readonly skipImport?: boolean;
}

/** Returns the folder and the file name of an element: `billing/invoices` is `invoices` in the folder `billing`. */
export function placeOf(options: GenerateOptions): { folder: string; name: string } {
  const parts = options.name.split('/').filter((part) => part !== '');
  const name = dashed(parts.pop() ?? '');
  if (!/^[a-z][\w-]*$/.test(name)) throw new Error(`'${options.name}' is no name of a file and a class`);
  const own = options.flat === true ? [] : [name];
  const folder = [options.sourceRoot ?? 'src', options.path, ...parts.map(dashed), ...own]
    .filter((part) => part !== undefined && part !== '')
    .join('/')
    .replaceAll(/\/+/g, '/');
  return { folder: `/${folder.replace(/^\//, '')}`, name };
}
