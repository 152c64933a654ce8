/** Defines what `console.log` and `JSON.stringify` show of the objects that users hold. */
export { showAs } from './show-as.js';
