/** The names of options, and what client, broker and Nest layer all say of those that do not exist. */
export { namesOf } from './names-of.js';
export { unknownOption } from './unknown-option.js';
