import type { Decorator, Expression, MethodDeclaration } from 'ts-morph';
import { ast } from '../source/ast.js';
import { Draft } from '../source/draft.js';
import { carry, isFalse, isTrue, readOptions, textOf, type Options } from '../source/reading.js';
import { objectText, queueBuilder } from '../source/topology.js';
import type { Workspace } from '../source/workspace.js';
import { bindQueue, refuseOthers, Topology } from './config.js';
import { readErrorBehavior, readErrorHandler, RETRY, type ErrorBehavior } from './error-behavior.js';
import { golevelupName } from './names.js';
import type { Registration } from './registrations.js';
import { rewriteSignature } from './signature.js';

/** A method with `@RabbitSubscribe` or `@RabbitRPC`. */
export interface Handler {
  readonly decorator: Decorator;
  readonly method: MethodDeclaration;
  readonly kind: 'RabbitSubscribe' | 'RabbitRPC';
  readonly options: Options | undefined;
  readonly draft: Draft;
}

const OPTIONS = [
  'name',
  'connection',
  'exchange',
  'routingKey',
  'bindings',
  'queue',
  'queueOptions',
  'errorBehavior',
  'errorHandler',
  'allowNonJsonMessages',
  'createQueueIfNotExists',
  'usePersistentReplyTo',
  'batchOptions',
];
/** Queue options of golevelup that amqplib does not have. */
const OF_THE_HANDLER = new Set(['bindQueueArguments', 'channel', 'consumerOptions']);

export function readHandlers(workspace: Workspace): Handler[] {
  const { Node: Kind, SyntaxKind } = ast();
  return workspace.all.flatMap(({ file }) =>
    file.getDescendantsOfKind(SyntaxKind.Decorator).flatMap((decorator): Handler[] => {
      const kind = golevelupName(decorator.getNameNode());
      if (kind !== 'RabbitSubscribe' && kind !== 'RabbitRPC') return [];
      const method = decorator.getParent();
      if (!Kind.isMethodDeclaration(method)) return [];
      const draft = new Draft(workspace);
      const options = readOptions(draft, decorator.getArguments()[0], `@${kind}`);
      return [{ decorator, method, kind, options, draft }];
    }),
  );
}

/** Returns the name of the connection that a handler uses. */
export function connectionOf({ options, draft, decorator }: Handler): string | undefined {
  const given = options?.get('connection');
  const name = given && textOf(given);
  if (given && name === undefined) draft.refuse(decorator, 'a connection whose name is not written out');
  return name;
}

/** The settings, as texts, that handlers of one queue must share to have one consumer. */
export interface Shared {
  /** The options of the consumer. */
  readonly consumer: string;
  /** The declaration of the queue; undefined if the handler declares none. */
  readonly queue: string | undefined;
}

/**
 * Drafts a handler for its module. The handler's declarations go into `topology` once the draft is made.
 *
 * @param selected the handler shares its queue, so its routing key selects it
 */
export function draftHandler(
  handler: Handler,
  registration: Registration,
  connection: string | undefined,
  selected: boolean,
): Shared | undefined {
  const { decorator, method, kind, draft } = handler;
  const options = withNamedConfig(handler, registration);
  if (!options) return undefined;
  refuseOthers(draft, options, OPTIONS);
  const file = decorator.getSourceFile();
  const to = registration.file;
  const declared = new Topology();
  const { topology } = registration.config;

  const queueOptions = readOptions(draft, options.get('queueOptions'), 'queueOptions') ?? new Map();
  const ofQueue: Options = new Map([...queueOptions].filter(([name]) => !OF_THE_HANDLER.has(name)));
  const given = options.get('queue');
  const unnamed = !given || textOf(given) === '';
  const owner = method.getParent();
  const madeUp = `'${ast().Node.isClassDeclaration(owner) ? owner.getName() : 'handler'}.${method.getName()}'`;
  const queueHere = unnamed ? madeUp : given.getText();
  const queueThere = unnamed ? madeUp : carry(draft, given, to);
  if (unnamed)
    draft.warn(
      decorator,
      `golevelup's queue has a name of the broker and is deleted with the connection; the new queue is ${madeUp}`,
    );

  let built: string | undefined;
  if (!isFalse(options.get('createQueueIfNotExists'))) {
    const text = queueBuilder(draft, queueThere, ofQueue, to, unnamed);
    if (topology.contradicts(queueThere, text)) {
      draft.refuse(decorator, `queue ${queueThere} is declared differently elsewhere`);
    }
    draft.after(() => topology.addQueue(queueThere, text));
    built = text;
  }
  const table = queueOptions.get('bindQueueArguments');
  bindQueue(draft, queueThere, options, table, declared, to);
  for (const binding of elements(draft, options.get('bindings')))
    bindQueue(draft, queueThere, binding, table, declared, to);
  draft.after(() => {
    for (const binding of declared.bindings) topology.bindings.add(binding);
  });

  const consumer = consumerOptions(handler, options, queueOptions, registration);
  if (connection !== undefined) consumer.set('connection', `'${connection}'`);
  const batch = batchOptions(handler, options);
  const name = batch ? 'AmqpBatchConsumer' : kind === 'RabbitRPC' ? 'AmqpRpc' : 'AmqpConsumer';
  const ours = draft.need(file, 'nest-amqp', name);
  const key = selected ? options.get('routingKey') : undefined;
  const selection = key ? ([['routingKey', carry(draft, key, file)]] as const) : [];
  const text = objectText([...selection, ...(batch ?? []), ...consumer]);
  draft.replace(decorator, `@${ours}(${queueHere}${text === '' ? '' : `, ${text}`})`);
  rewriteSignature(draft, method, batch !== undefined);
  draft.tell(decorator, `@${kind} → @${name}`);
  return { consumer: objectText(consumer), queue: built };
}

/** Returns the options of the decorator, which override the options that the module has under its name. */
export function withNamedConfig({ options, decorator, draft }: Handler, { config }: Registration): Options | undefined {
  const given = options?.get('name');
  const name = given ? textOf(given) : config.defaultHandler;
  if (!options || (name === undefined && !given)) return options;
  const named = name === undefined ? undefined : config.handlers.get(name);
  if (!named) {
    draft.refuse(decorator, `handler ${given?.getText() ?? name}: the module's options do not have it`);
    return undefined;
  }
  return new Map([...named, ...[...options].filter(([option]) => option !== 'name')]);
}

function elements(draft: Draft, list: Expression | undefined): Options[] {
  const { Node: Kind } = ast();
  if (!list) return [];
  if (!Kind.isArrayLiteralExpression(list)) {
    draft.refuse(list, 'bindings that are no literal list');
    return [];
  }
  return list.getElements().flatMap((element) => readOptions(draft, element, 'a binding') ?? []);
}

function consumerOptions(
  { draft, decorator, kind }: Handler,
  options: Options,
  queueOptions: Options,
  { config, file: to }: Registration,
): Map<string, string> {
  const consumer = new Map<string, string>();
  const file = decorator.getSourceFile();
  const channel = queueOptions.get('channel');
  if (channel) {
    const name = textOf(channel);
    const prefetch = name === undefined ? undefined : config.channels.get(name);
    if (prefetch !== undefined && (/^\d+$/.test(prefetch) || to === file)) consumer.set('prefetch', prefetch);
    else if (prefetch !== undefined || name === undefined) {
      draft.refuse(channel, 'a channel whose prefetch is not written out');
    }
  }
  for (const [name, value] of readOptions(draft, queueOptions.get('consumerOptions'), 'consumerOptions') ?? []) {
    if (['consumerTag', 'exclusive', 'priority', 'arguments', 'prefetch'].includes(name)) {
      consumer.set(name, carry(draft, value, file));
    } else if (name !== 'noLocal' && !(name === 'noAck' && isFalse(value))) {
      draft.refuse(value, `consumerOptions: '${name}'`);
    }
  }
  const retry =
    RETRY[errorsOf(draft, options, kind === 'RabbitRPC' ? config.rpcErrors : undefined, config.subscribeErrors)];
  if (retry !== undefined) consumer.set('retry', retry);
  const lenient = options.get('allowNonJsonMessages');
  if (lenient && isTrue(lenient))
    draft.refuse(lenient, 'allowNonJsonMessages: `serializers` are chosen by content type');
  return consumer;
}

function errorsOf(draft: Draft, options: Options, ...defaults: (ErrorBehavior | undefined)[]): ErrorBehavior {
  const handler = options.get('errorHandler');
  const behavior = options.get('errorBehavior');
  if (handler) return readErrorHandler(draft, handler) ?? 'REQUEUE';
  if (behavior) return readErrorBehavior(draft, behavior) ?? 'REQUEUE';
  return defaults.find((known) => known !== undefined) ?? 'REQUEUE';
}

/** golevelup's default time for a batch to fill, ms. */
const BATCH_WAIT = '200';

function batchOptions({ draft, kind }: Handler, options: Options): Map<string, string> | undefined {
  const given = options.get('batchOptions');
  if (!given) return undefined;
  const batch = readOptions(draft, given, 'batchOptions') ?? new Map<string, Expression>();
  refuseOthers(draft, batch, ['size', 'timeout']);
  if (kind === 'RabbitRPC') draft.refuse(given, 'a batch of requests');
  return new Map([
    ['size', batch.get('size')?.getText() ?? '10'],
    ['maxWait', batch.get('timeout')?.getText() ?? BATCH_WAIT],
  ]);
}
