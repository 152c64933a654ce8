import type { Type } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';

/**
 * Has Nest start a module last and destroy it first, so that the providers that handlers use exist as long as handlers
 * run. Called in the constructor of the module.
 *
 * Nest orders lifecycle hooks by a module's distance from the root module and has no public way to ask for a place in
 * that order. The distance of this module is smaller than that of the root (0). See decision 3.
 */
export function startLastAndStopFirst(modules: ModulesContainer, type: Type): void {
  for (const module of modules.values()) if (module.metatype === type) module.distance = -1;
}
