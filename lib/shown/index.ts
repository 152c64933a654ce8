/** Defines what `console.log`, logs and `JSON.stringify` show of errors, and of the objects that users hold. */
export { nameErrors } from './error-names.js';
export { showAs } from './show-as.js';
