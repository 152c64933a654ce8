import type { ContractPart } from '../contract.errors.js';
import type { ContractSchema } from '../contract-types.js';
import { EventContract } from '../event-contract.js';
import { jsonSchemaOf } from '../json-schema/json-schema.js';
import type { RpcContract } from '../rpc-contract.js';
import type { Agreement } from './contract-breaks.js';

/** @throws ConfigurationError for a schema without a JSON Schema */
export function agreementsOf(contract: EventContract | RpcContract): readonly Agreement[] {
  const agreement = (event: string, part: ContractPart, schema: ContractSchema): Agreement => {
    const document = jsonSchemaOf(`The ${part} '${event}'`, schema);
    return {
      id: `${part} ${event}`,
      event,
      part,
      place: [contract.exchange, contract.routeOf(event)],
      schema: { $ref: '#' },
      document,
    };
  };
  if (contract instanceof EventContract) {
    return Object.entries(contract.schemas).map(([event, schema]) => agreement(event, 'event', schema));
  }
  return Object.entries(contract.schemas).flatMap(([key, { request, reply }]) => [
    agreement(key, 'request', request),
    agreement(key, 'reply', reply),
  ]);
}
