import { isDeepStrictEqual } from 'node:util';
import type { ContractPart } from '../contract.errors.js';
import type { JsonSchema } from '../json-schema/draft-07.js';
import { gapsOf } from './schema-gaps.js';

/**
 * One way in which a change of a contract breaks a service that still has the earlier contract.
 *
 * @publicApi
 */
export interface ContractBreak {
  /**
   * The side that breaks. Of events: `publishers`, whose messages the new consumers refuse, or `consumers`, which refuse the
   * messages of the new publishers. Of requests: `callers` or `handlers`, which send or get what the other side refuses.
   */
  readonly breaks: 'publishers' | 'consumers' | 'callers' | 'handlers';
  /** The routing key of the event or request. */
  readonly event: string;
  /** The payload that breaks: that of the event, of the request or of the reply. */
  readonly part: ContractPart;
  /** Path of the value, such as `lines.*.price`, with `*` for items of lists and for fields without a name. */
  readonly path: string;
  /** The rule that differs, as text. */
  readonly message: string;
}

/** One kind of message that two sides agree on. */
export interface Agreement {
  /** The same before and after a change. */
  readonly id: string;
  readonly event: string;
  readonly part: ContractPart;
  /** The exchange, routing key and headers of its messages. */
  readonly place: unknown;
  /** A reference to its schema in the document. */
  readonly schema: JsonSchema;
  readonly document: JsonSchema;
}

/** The side that breaks if the new contract refuses a value that the earlier one accepts, and the reverse. */
const PARTIES: Readonly<
  Record<ContractPart, readonly [sender: ContractBreak['breaks'], receiver: ContractBreak['breaks']]>
> = { event: ['publishers', 'consumers'], request: ['callers', 'handlers'], reply: ['handlers', 'callers'] };

/** Returns the changes that break services with the earlier agreements. New agreements break nobody. */
export function breaksOf(before: readonly Agreement[], after: readonly Agreement[]): readonly ContractBreak[] {
  const changed = new Map(after.map((agreement) => [agreement.id, agreement]));
  return before.flatMap((old) => {
    const now = changed.get(old.id);
    if (!now) return forBoth(old, `the ${old.part} is removed`);
    const moved = isDeepStrictEqual(old.place, now.place)
      ? []
      : forBoth(old, 'its exchange, routing key or version header is another');
    const { event, part } = old;
    const [sender, receiver] = PARTIES[part];
    const narrower = gapsOf(old.schema, now.schema, [old.document, now.document]);
    const wider = gapsOf(now.schema, old.schema, [now.document, old.document]);
    return [
      ...moved,
      ...narrower.map((gap): ContractBreak => ({ breaks: sender, event, part, ...gap })),
      ...wider.map((gap): ContractBreak => ({ breaks: receiver, event, part, ...gap })),
    ];
  });
}

function forBoth({ event, part }: Agreement, message: string): readonly ContractBreak[] {
  return PARTIES[part].map((breaks) => ({ breaks, event, part, path: '', message }));
}
