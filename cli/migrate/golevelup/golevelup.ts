import { ast } from '../source/ast.js';
import { Draft } from '../source/draft.js';
import { remarkAt } from '../source/report.js';
import type { Workspace } from '../source/workspace.js';
import { connectionOf, draftHandler, readHandlers, type Handler, type Shared } from './handlers.js';
import { golevelupName } from './names.js';
import { draftPublishing } from './publishing.js';
import { keepTogether, sharedQueues } from './shared-queues.js';
import { readForFile, readRegistrations, registrationText, type Registration } from './registrations.js';

/**
 * Moves golevelup's modules, handlers and publishers. If some of them are left, the old module stays beside the new one, so
 * that they go on working.
 */
export function migrateGolevelup(workspace: Workspace): void {
  const registrations = readRegistrations(workspace);
  const handlers = readHandlers(workspace);
  const unmoved = registrations.filter(({ draft, moved }) => !draft.isRefused && !moved);
  const doubles = doublesOf(workspace, unmoved);
  const usable = unmoved.filter((registration) => !doubles.has(registration));
  for (const { draft, moved, call } of registrations) {
    if (moved) draft.refuse(call, 'RabbitMQModule stays beside AmqpModule: remove it when no code uses it any more');
    if (draft.isRefused) draft.commit();
  }
  const twice = usable.find((one) => usable.some((other) => other !== one && nameOf(other) === nameOf(one)));
  if (twice) {
    workspace.report.left.push(
      remarkAt(
        twice.call,
        'RabbitMQModule is registered more than once, with different options: run the codemod for one application at a time',
      ),
    );
    return;
  }
  if (usable.length === 0) {
    const what =
      registrations.length === 0 ? 'no RabbitMQModule.forRoot() is found here' : 'its RabbitMQModule is left';
    for (const handler of handlers) leave(handler, what);
    if (registrations.length === 0) leavePublishing(workspace, what);
    return;
  }

  const left = new Set<Registration>();
  const single = registrations.length - doubles.size === 1;
  const homeOf = (handler: Handler): Registration | undefined =>
    single ? usable[0] : usable.find((one) => nameOf(one) === (connectionOf(handler) ?? 'default'));
  const groups = sharedQueues(handlers, homeOf);
  const draft = (handler: Handler): Shared | undefined => {
    const name = connectionOf(handler);
    const home = homeOf(handler);
    if (!home) handler.draft.refuse(handler.decorator, `its RabbitMQModule${name ? ` '${name}'` : ''} is left`);
    if (!home || handler.draft.isRefused) return undefined;
    return draftHandler(handler, home, single || name === 'default' ? undefined : name, groups.has(handler));
  };
  const commit = (handler: Handler): void => {
    const home = homeOf(handler);
    if (!handler.draft.commit()) for (const one of home ? [home] : usable) left.add(one);
  };
  for (const group of new Set(handlers.map((handler) => groups.get(handler) ?? [handler]))) {
    // All handlers of a queue move, or none: consumers of both kinds would compete for it.
    keepTogether(group, group.map(draft));
    for (const handler of group) commit(handler);
  }
  for (const draft of draftPublishing(workspace, usable[0]?.config.rpcTimeout)) {
    if (registrations.length - doubles.size > usable.length) {
      draft.refuse(
        registrations[0]?.call ?? usable[0]!.call,
        'publishers of several connections, one of which is left',
      );
    }
    if (!draft.commit()) for (const one of usable) left.add(one);
  }
  for (const registration of usable) {
    place(registration, registrations.length - doubles.size === 1, left.has(registration));
  }
  if (left.size === 0) for (const double of doubles.values()) takeOut(double);
  migrateGuards(workspace);
  if (left.size === 0) migrateModuleMentions(workspace);
}

const nameOf = ({ config }: Registration): string => config.name ?? 'default';

/**
 * Returns the registrations of a connection that an earlier module registers, too, as that module's file would write them.
 * golevelup merges them into one, so the first module gets all their declarations.
 */
function doublesOf(workspace: Workspace, registrations: readonly Registration[]): Map<Registration, Registration> {
  const doubles = new Map<Registration, Registration>();
  for (const registration of registrations) {
    const first = registrations.find((one) => nameOf(one) === nameOf(registration));
    if (!first || first === registration) continue;
    const there = readForFile(workspace, registration, first.file);
    const alike = [...first.config.options].join() === [...there.config.options].join() && !there.draft.isRefused;
    const contradicts = [...there.config.topology.named()].some(([name, text]) =>
      first.config.topology.contradicts(name, text),
    );
    if (!alike || contradicts) continue;
    first.config.topology.addAll(there.config.topology);
    for (const [name, prefetch] of there.config.channels) first.config.channels.set(name, prefetch);
    doubles.set(registration, there);
  }
  return doubles;
}

/** Takes a registration out of its module's imports. The remaining registration serves all modules. */
function takeOut({ draft, call }: Registration): void {
  const file = call.getSourceFile();
  const behind = /^\s*,?[ \t]*(\r?\n[ \t]*)?/.exec(file.getFullText().slice(call.getEnd()))?.[0].length ?? 0;
  draft.replaceRange(file, call.getStart(), call.getEnd() + behind, '');
  draft.tell(call, 'RabbitMQModule is removed: one AmqpModule serves all modules');
  draft.commit();
}

function leave({ draft, decorator }: Handler, why: string): void {
  draft.refuse(decorator, why);
  draft.commit();
}

function leavePublishing(workspace: Workspace, why: string): void {
  for (const draft of draftPublishing(workspace, undefined)) {
    const [file] = workspace.all;
    if (!draft.isRefused && file) draft.refuse(file.file, why);
    draft.commit();
  }
}

/** Puts the new module in place of the old one, or before it. */
function place(registration: Registration, single: boolean, keepOld: boolean): void {
  const { draft, call, file } = registration;
  const text = (): string => registrationText(registration, single);
  if (keepOld) {
    const line = file.getFullText().slice(0, call.getStart()).split('\n').at(-1) ?? '';
    const indent = /^\s*$/.test(line) ? `\n${line}` : ' ';
    draft.replaceRange(file, call.getStart(), call.getStart(), () => `${text()},${indent}`);
  } else draft.replace(call, text);
  draft.commit();
}

/** Replaces `isRabbitContext(context)`: messages have the context type of Nest's microservices. */
function migrateGuards(workspace: Workspace): void {
  const { Node: Kind, SyntaxKind } = ast();
  for (const { file } of workspace.all) {
    for (const call of file.getDescendantsOfKind(SyntaxKind.CallExpression)) {
      if (golevelupName(call.getExpression()) !== 'isRabbitContext') continue;
      const draft = new Draft(workspace);
      const [context] = call.getArguments();
      if (!Kind.isIdentifier(context)) draft.refuse(call, 'isRabbitContext() of an expression');
      else {
        const parent = call.getParent();
        const negated = Kind.isPrefixUnaryExpression(parent);
        draft.replace(negated ? parent : call, `${context.getText()}.getType() ${negated ? '!==' : '==='} 'rpc'`);
      }
      draft.tell(call, "isRabbitContext(context) → context.getType() === 'rpc'");
      draft.commit();
    }
  }
}

/** Lets `imports: [RabbitMQModule]` and `exports: [RabbitMQModule]` name the new module. */
function migrateModuleMentions(workspace: Workspace): void {
  const { Node: Kind, SyntaxKind } = ast();
  for (const { file } of workspace.all) {
    for (const name of file.getDescendantsOfKind(SyntaxKind.Identifier)) {
      if (name.getText() !== 'RabbitMQModule' || golevelupName(name) !== 'RabbitMQModule') continue;
      if (!Kind.isArrayLiteralExpression(name.getParent())) continue;
      const draft = new Draft(workspace);
      draft.replace(name, draft.need(file, 'nest-amqp', 'AmqpModule'));
      draft.tell(name, 'RabbitMQModule → AmqpModule');
      draft.commit();
    }
  }
}
