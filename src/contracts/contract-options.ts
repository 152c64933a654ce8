import { namesOf } from '../../lib/option-names/index.js';
import { refuseUnknown } from '../common/known-options.js';
import { checkValues, NAME, oneOf } from '../common/option-values.js';

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

/**
 * Options of a contract of events.
 *
 * @publicApi
 */
export interface EventContractOptions extends ContractOptions {
  /**
   * Name of a header that has the version of an event. An event such as `order.paid.v2` is then published with the routing
   * key `order.paid` and this header with the number 2; a message without the header is the event `order.paid`. Default:
   * the version is a part of the routing key.
   */
  readonly versionHeader?: string;
}

const EVENT_OPTIONS = namesOf({ unknownFields: 0, versionHeader: 0 } satisfies Record<keyof EventContractOptions, 0>);

/** @param what the function that takes them, for errors @throws ConfigurationError */
export function checkedEventOptions(what: string, options: EventContractOptions = {}): EventContractOptions {
  refuseUnknown(what, options, EVENT_OPTIONS);
  checkValues(what, options, { unknownFields: oneOf('strip', 'keep'), versionHeader: NAME });
  return options;
}

const OPTIONS = namesOf({ unknownFields: 0 } satisfies Record<keyof ContractOptions, 0>);

/** @param what the function that takes them, for errors @throws ConfigurationError */
export function checkedContractOptions(what: string, options: ContractOptions = {}): ContractOptions {
  refuseUnknown(what, options, OPTIONS);
  checkValues(what, options, { unknownFields: oneOf('strip', 'keep') });
  return options;
}
