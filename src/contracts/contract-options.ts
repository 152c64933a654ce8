import { namesOf } from '../../lib/option-names/index.js';
import { refuseUnknown } from '../common/known-options.js';
import { checkValues, oneOf } from '../common/option-values.js';

/**
 * Options of a contract.
 *
 * @publicApi
 */
export interface ContractOptions {
  /**
   * Controls fields that the schema does not name. `'strip'` sends, and gives to handlers, what the validator returns, which
   * by default are the known fields. `'keep'` sends the payload as it is given, and adds the unknown fields of a message to
   * what the validator returns. A schema that refuses unknown fields refuses them in both cases. Default `'strip'`.
   */
  readonly unknownFields?: 'strip' | 'keep';
}

const OPTIONS = namesOf({ unknownFields: 0 } satisfies Record<keyof ContractOptions, 0>);

/** @param what the function that takes them, for errors @throws ConfigurationError */
export function checkedContractOptions(what: string, options: ContractOptions = {}): ContractOptions {
  refuseUnknown(what, options, OPTIONS);
  checkValues(what, options, { unknownFields: oneOf('strip', 'keep') });
  return options;
}
