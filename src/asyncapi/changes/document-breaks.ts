import { ConfigurationError } from '../../../lib/client/index.js';
import { breaksOf, type Agreement, type ContractBreak } from '../../contracts/changes/contract-breaks.js';
import type { AsyncApiDocument, MessageObject, OperationObject, Reference } from '../document/document.js';

/** Whom a change of what an application sends or receives can break: the other side. */
const OTHERS: Readonly<Record<OperationObject['action'], readonly ContractBreak['breaks'][]>> = {
  send: ['consumers', 'handlers'],
  receive: ['publishers', 'callers'],
};

/**
 * Compares the document of an application with an earlier one: returns each change that breaks other services that have not
 * been deployed again. Narrower payloads of what it receives break publishers, wider payloads of what it sends break consumers, and
 * likewise for callers and handlers of requests. Both documents are those of {@link AmqpAsyncApi.createDocument}. It compares
 * as `contractBreaks` of `nest-amqp/testing` does.
 *
 * @example
 * ```ts
 * expect(asyncApiBreaks(released, await AmqpAsyncApi.createDocument(app))).toEqual([]);
 * ```
 *
 * @throws ConfigurationError for a document that nest-amqp has not made
 * @publicApi
 */
export function asyncApiBreaks(before: AsyncApiDocument, after: AsyncApiDocument): readonly ContractBreak[] {
  expectOwn('the earlier document', before);
  expectOwn('the document', after);
  return (['receive', 'send'] as const).flatMap((action) =>
    breaksOf(agreementsOf(before, action), agreementsOf(after, action)).filter(({ breaks }) =>
      OTHERS[action].includes(breaks),
    ),
  );
}

/** Returns what other services agree with the application on: the messages of its operations and their replies. */
function agreementsOf(document: AsyncApiDocument, action: OperationObject['action']): readonly Agreement[] {
  const found = new Map<string, Agreement>();
  for (const operation of Object.values(document.operations)) {
    if (operation.action !== action) continue;
    for (const reference of [...(operation.messages ?? []), ...(operation.reply?.messages ?? [])]) {
      const id = idOf(document, reference);
      const agreement = agreementOf(document, id);
      found.set(agreement.id, agreement);
    }
  }
  return [...found.values()];
}

function agreementOf(document: AsyncApiDocument, message: string): Agreement {
  const { 'x-nest-amqp': identity, payload } = document.components.messages[message]!;
  const { part, event, exchange, queue, ...route } = identity;
  return {
    id: JSON.stringify([part, exchange ?? null, queue ?? null, event]),
    event,
    part,
    place: route,
    schema: payload === undefined ? {} : { $ref: `#/components/messages/${message}/payload` },
    document: document as unknown as Agreement['document'],
  };
}

/** Returns the id of the message of a channel. @param reference `#/channels/<channel>/messages/<id>` */
function idOf({ channels }: AsyncApiDocument, { $ref: reference }: Reference): string {
  const [, , channel = '', , name = ''] = reference.split('/');
  return channels[channel]?.messages[name]?.$ref.split('/').at(-1) ?? '';
}

/** @throws ConfigurationError */
function expectOwn(what: string, document: AsyncApiDocument): void {
  const { asyncapi, operations, channels, components } = Object(document) as Partial<AsyncApiDocument>;
  const messages = Object.values(Object(components?.messages) as Record<string, Partial<MessageObject>>);
  const isOwn = messages.every((message) => typeof message['x-nest-amqp']?.event === 'string');
  if (asyncapi === '3.0.0' && operations && channels && components && isOwn) return;
  throw new ConfigurationError(
    `${what} is not an AsyncAPI 3 document of nest-amqp; write one with npx nest-amqp asyncapi MODULE --out FILE`,
  );
}
