import { coreWorld } from './core/core-world.js';
import { nestWorld } from './nest/nest-world.js';
import type { World } from './engine/world.js';

const worlds: Readonly<Record<string, World>> = {
  core: coreWorld as unknown as World,
  nest: nestWorld as unknown as World,
};

export function worldNamed(name: string): World {
  const world = Object.hasOwn(worlds, name) ? worlds[name] : undefined;
  if (!world) throw new Error(`there is no world '${name}'; there are: ${Object.keys(worlds).join(', ')}`);
  return world;
}
