type Manifest = Record<string, unknown> & {
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
};

/**
 * Returns package.json with nest-amqp in place of the packages that the project no longer uses.
 *
 * @param version of nest-amqp
 * @param unused packages to take out
 * @returns the text as it is when there is nothing to change
 */
export function migratedManifest(text: string, version: string, unused: readonly string[]): string {
  const manifest = JSON.parse(text) as Manifest;
  const goes = (name: string): boolean => unused.includes(name);
  const has = (section: Record<string, string> | undefined): boolean => Object.keys(section ?? {}).some(goes);
  const missing = ![manifest.dependencies, manifest.devDependencies].some(
    (section) => section && 'nest-amqp' in section,
  );
  if (!missing && !has(manifest.dependencies) && !has(manifest.devDependencies)) return text;
  const without = (section: Record<string, string> | undefined): Record<string, string> =>
    Object.fromEntries(Object.entries(section ?? {}).filter(([name]) => !goes(name)));
  const dependencies = without(manifest.dependencies);
  if (missing) dependencies['nest-amqp'] = `^${version}`;
  const sorted = Object.fromEntries(Object.entries(dependencies).sort(([a], [b]) => (a < b ? -1 : 1)));
  const changed: Manifest = {
    ...manifest,
    dependencies: sorted,
    ...(manifest.devDependencies ? { devDependencies: without(manifest.devDependencies) } : {}),
  };
  const indent = /^[ \t]+/m.exec(text)?.[0] ?? '  ';
  return JSON.stringify(changed, undefined, indent) + (text.endsWith('\n') ? '\n' : '');
}

/** The oldest major version of Nest that the peers of nest-amqp allow. */
export const OLDEST_NEST = 11;

/** Returns the packages of Nest that are too old for nest-amqp, with their versions and the line in package.json, from 1. */
export function oldNest(text: string): { readonly line: number; readonly text: string }[] {
  const { dependencies, devDependencies } = JSON.parse(text) as Manifest;
  const versions = { ...devDependencies, ...dependencies };
  return ['@nestjs/common', '@nestjs/core', '@nestjs/microservices'].flatMap((name) => {
    const version = versions[name];
    const major = /^[\^~>=v]*(\d+)/.exec(version ?? '')?.[1];
    if (version === undefined || major === undefined || Number(major) >= OLDEST_NEST) return [];
    const line = text.slice(0, text.indexOf(`"${name}"`)).split('\n').length;
    return [{ line, text: `${name} ${version} is too old for nest-amqp: upgrade Nest to ${OLDEST_NEST} or later` }];
  });
}
