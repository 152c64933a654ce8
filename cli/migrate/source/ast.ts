import type * as TsMorph from 'ts-morph';

/** ts-morph, which is fetched on demand: see `ast-library.ts`. Only its types are there before. */
export type AstLibrary = typeof TsMorph;

let library: AstLibrary | undefined;

/** Makes the library known to all that read sources; the command calls it once, before anything else. */
export function useAstLibrary(loaded: AstLibrary): void {
  library = loaded;
}

/** @throws Error before {@link useAstLibrary} */
export function ast(): AstLibrary {
  if (!library) throw new Error('the AST library is not loaded');
  return library;
}
