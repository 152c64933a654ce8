/** The root module of an application, as a command line names it. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError } from './usage-error.js';

export interface ModuleFile {
  readonly file: string;
  /** The name of the class that the file exports. */
  readonly name: string | undefined;
}

/** Reads an argument such as `dist/app.module.js#AppModule`. @throws UsageError if there is no such file */
export function moduleFile(argument: string, usage: string): ModuleFile {
  const [, file = argument, name] = /^(.*)#([^#]+)$/.exec(argument) ?? [];
  if (!existsSync(file)) throw new UsageError(`there is no file '${file}'`, usage);
  return { file, name };
}

export type ModuleClass = new (...given: never[]) => object;

/** @throws UsageError if the file does not export one module, or not the named class */
export async function moduleOf({ file, name }: ModuleFile, usage: string): Promise<ModuleClass> {
  const exported = (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>;
  // The default export of a CommonJS file is the object of all.
  const all = new Map(
    Object.entries({ ...(Object(exported['default']) as object), ...exported }).filter(([, one]) => isClass(one)),
  );
  const names = [...all.keys()].join(', ') || 'none';
  if (name !== undefined && !all.has(name)) {
    throw new UsageError(`'${file}' exports no class '${name}'; it exports ${names}`, usage);
  }
  if (name !== undefined) return all.get(name) as ModuleClass;
  const classes = [...new Set(all.values())];
  const modules = classes.length === 1 ? classes : classes.filter(isModule);
  if (modules.length !== 1) {
    throw new UsageError(
      `'${file}' must export one module, the root module, or name it as in '${file}#AppModule'; it exports ${names}`,
      usage,
    );
  }
  return modules[0] as ModuleClass;
}

/** Returns true for a class to which `@Module()` has given something. The metadata of Nest need no import: the file has made them. */
function isModule(value: unknown): boolean {
  const { getMetadataKeys } = Reflect as { getMetadataKeys?: (target: unknown) => readonly unknown[] };
  return ['imports', 'providers', 'controllers', 'exports'].some((key) => getMetadataKeys?.(value).includes(key));
}

function isClass(value: unknown): boolean {
  return typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value));
}
