/** The names and values of options, and the error texts of client, broker and Nest layer for wrong ones. */
export { namesOf } from './names-of.js';
export { unknownOption } from './unknown-option.js';
export {
  CHECKED_ELSEWHERE,
  CLOCK,
  DURATION,
  FLAG,
  FUNCTION,
  OBJECT,
  SIGNAL,
  TEXT,
  count,
  either,
  numberFrom,
  numberIn,
  oneOf,
  withMethods,
  wrongOption,
  type OptionChecks,
  type ValueCheck,
} from './value-check.js';
