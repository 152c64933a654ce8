/**
 * The part of the Angular DevKit's types that the schematics use. The DevKit runs the schematics and passes these objects,
 * so the package does not depend on it.
 */
export interface Tree {
  exists(path: string): boolean;
  read(path: string): Buffer | null;
  create(path: string, content: string): void;
  overwrite(path: string, content: string): void;
  getDir(path: string): { readonly subfiles: readonly string[]; readonly parent: { readonly path: string } | null };
}

export interface Context {
  readonly logger: { info(message: string): void; warn(message: string): void };
  addTask?(task: { toConfiguration(): { name: string; options: object } }): unknown;
}

export type Rule = (tree: Tree, context: Context) => void;

/** Creates a file, unless there is one. */
export function createFile(tree: Tree, context: Context, path: string, content: string): void {
  if (tree.exists(path)) context.logger.warn(`${path} is there already, and stays as it is`);
  else tree.create(path, content);
}

export function readText(tree: Tree, path: string): string | undefined {
  return tree.exists(path) ? tree.read(path)?.toString('utf8') : undefined;
}
