/** What client, broker and Nest layer all say of options that do not exist. */
export { unknownOption } from './unknown-option.js';
