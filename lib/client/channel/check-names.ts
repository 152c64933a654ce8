import { shortstrSize } from '../../protocol/bytes.js';

/**
 * Checks the names among a method's arguments before the call waits or is sent, and before the record of declarations
 * uses them.
 *
 * @param method the method of the specification
 * @throws EncodingError that names the argument, for anything but a short string (section 4.2.5.3)
 */
export function checkNames(method: string, names: Readonly<Record<string, string>>): void {
  for (const [argument, name] of Object.entries(names)) shortstrSize(name, `${argument} of ${method}`);
}
