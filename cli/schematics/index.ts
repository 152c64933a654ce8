/** The schematics of the package, as schematics/collection.json names them. */
export { consumer, publisher } from './generate.js';
export { nestAdd } from './nest-add.js';
