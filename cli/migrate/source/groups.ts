import type { SourceFile } from 'ts-morph';
import { filesImportedBy } from './symbols.js';

/** Groups of files that import each other, directly or through another of the group. */
export function connectedFiles(files: readonly SourceFile[]): SourceFile[][] {
  const groups: SourceFile[][] = [];
  for (const file of files) {
    const near = filesImportedBy(file);
    const joined = groups.filter((group) => group.some((other) => near.has(other) || filesImportedBy(other).has(file)));
    for (const group of joined) groups.splice(groups.indexOf(group), 1);
    groups.push([...joined.flat(), file]);
  }
  return groups;
}
