import type { RpcErrors } from '../../rpc/told-error.js';
import type { ConsumerOptions } from './consumer-options.js';

/**
 * Options of a handler of requests.
 *
 * @publicApi
 */
export interface RpcOptions extends Omit<ConsumerOptions, 'ack' | 'offset' | 'trackOffset'> {
  /**
   * What a requester learns of an error of the handler. Default: the module's `rpcErrors`, which is `'exceptions'` by
   * default.
   */
  readonly errors?: RpcErrors;
}

/** Options of a handler that gets one message at a time, of either kind. */
export type SingleOptions = ConsumerOptions & Pick<RpcOptions, 'errors'>;
