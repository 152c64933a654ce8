/** The names of options, and the error text of client, broker and Nest layer for unknown ones. */
export { namesOf } from './names-of.js';
export { unknownOption } from './unknown-option.js';
