import { ConfigurationError } from '../../../lib/client/index.js';
import { describeValue } from '../described-value.js';

/**
 * Returns the path of a page without a slash at either end.
 *
 * @param where owner of the path, for the error
 * @throws ConfigurationError
 */
export function pagePath(where: string, given: string): string {
  const path = given.replaceAll(/^\/+|\/+$/g, '');
  if (/^[\w.~-]+(\/[\w.~-]+)*$/.test(path)) return path;
  throw new ConfigurationError(`${where}: path must be a path such as '/amqp'; it is ${describeValue(given)}`);
}
