import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Project, SourceFile } from 'ts-morph';
import { ast } from './ast.js';
import { Report } from './report.js';
import { Source } from './source.js';

const SOURCE_FILE = /(?<!\.d)\.[cm]?tsx?$|\.[cm]?jsx?$/;
const NOT_SOURCES = new Set(['node_modules', 'dist', 'build', 'coverage']);

/** The sources of one folder, with their planned changes. It writes no files. */
export class Workspace {
  readonly report = new Report();
  private readonly sources = new Map<string, Source>();

  private constructor(
    readonly project: Project,
    oldModules: readonly string[],
  ) {
    for (const file of project.getSourceFiles()) this.sources.set(file.getFilePath(), new Source(file, oldModules));
  }

  /**
   * Reads every source file below a folder, except what is installed or built.
   *
   * @param oldModules packages that the project moves away from
   */
  static read(folder: string, oldModules: readonly string[]): Workspace {
    const project = emptyProject(pathsOf(folder));
    for (const path of sourcesBelow(resolve(folder))) {
      const text = readFileSync(path, 'utf8');
      project.createSourceFile(path, text, { overwrite: true });
    }
    return new Workspace(project, oldModules);
  }

  /** Sources that are in memory, by path. */
  static of(files: Readonly<Record<string, string>>, oldModules: readonly string[]): Workspace {
    const project = emptyProject({}, true);
    for (const [path, text] of Object.entries(files)) project.createSourceFile(path, text);
    return new Workspace(project, oldModules);
  }

  get all(): Source[] {
    return [...this.sources.values()];
  }

  of(file: SourceFile): Source {
    const source = this.sources.get(file.getFilePath());
    if (!source) throw new Error(`${file.getFilePath()} is no part of this project`);
    return source;
  }

  /** The files that differ from what they were, with their new text. */
  changed(): { path: string; before: string; after: string }[] {
    return this.all.flatMap((source) => {
      const after = source.result();
      return after === source.original ? [] : [{ path: source.path, before: source.original, after }];
    });
  }
}

function emptyProject(paths: Record<string, string[]>, inMemory = false): Project {
  const { Project: TheProject, ts } = ast();
  return new TheProject({
    useInMemoryFileSystem: inMemory,
    skipAddingFilesFromTsConfig: true,
    skipFileDependencyResolution: true,
    compilerOptions: {
      allowJs: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      experimentalDecorators: true,
      // The project's own files are enough: the codemod knows the packages by their names.
      noResolve: true,
      noLib: true,
      types: [],
      ...(Object.keys(paths).length > 0 ? { paths } : {}),
    },
  });
}

/** The aliases of the project's tsconfig.json, so that an import of one's own files by alias is followed. */
function pathsOf(folder: string): Record<string, string[]> {
  for (let at = resolve(folder); ; at = resolve(at, '..')) {
    const path = join(at, 'tsconfig.json');
    if (existsSync(path)) {
      const { config } = ast().ts.readConfigFile(path, (name) => readFileSync(name, 'utf8')) as {
        config?: { compilerOptions?: { baseUrl?: string; paths?: Record<string, string[]> } };
      };
      const { baseUrl = '.', paths = {} } = config?.compilerOptions ?? {};
      return Object.fromEntries(
        Object.entries(paths).map(([alias, targets]) => [alias, targets.map((to) => resolve(at, baseUrl, to))]),
      );
    }
    if (at === resolve(at, '..')) return {};
  }
}

function sourcesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isSymbolicLink() && !statSync(path, { throwIfNoEntry: false })?.isFile()) return [];
      if (entry.isDirectory()) {
        return NOT_SOURCES.has(entry.name) || entry.name.startsWith('.') ? [] : sourcesBelow(path);
      }
      return SOURCE_FILE.test(entry.name) ? [path] : [];
    })
    .sort();
}
