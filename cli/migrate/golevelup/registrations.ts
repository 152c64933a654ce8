import type { CallExpression, Node, ObjectLiteralExpression, SourceFile } from 'ts-morph';
import { ast } from '../source/ast.js';
import { Draft } from '../source/draft.js';
import { bare, readOptions, type Options } from '../source/reading.js';
import { originOf } from '../source/symbols.js';
import type { Workspace } from '../source/workspace.js';
import { readConfig, type ModuleConfig } from './config.js';
import { golevelupName } from './names.js';

/** A call of `RabbitMQModule.forRoot()` or `forRootAsync()`. */
export interface Registration {
  readonly draft: Draft;
  readonly call: CallExpression;
  readonly file: SourceFile;
  readonly config: ModuleConfig;
  /** The text of the call before its options and the text behind them. */
  readonly frame: readonly [string, string];
  /** The registration of nest-amqp is in its place already. */
  readonly moved: boolean;
}

export function readRegistrations(workspace: Workspace): Registration[] {
  const { Node: Kind, SyntaxKind } = ast();
  const calls = workspace.all.flatMap(({ file }) => file.getDescendantsOfKind(SyntaxKind.CallExpression));
  const moved = calls.some((call) => {
    const callee = call.getExpression();
    if (!Kind.isPropertyAccessExpression(callee) || !callee.getName().startsWith('forRoot')) return false;
    const origin = originOf(callee.getExpression());
    return origin?.module === 'nest-amqp' && origin.name === 'AmqpModule';
  });
  return calls.flatMap((call) => {
    const callee = call.getExpression();
    if (!Kind.isPropertyAccessExpression(callee)) return [];
    if (golevelupName(callee.getExpression()) !== 'RabbitMQModule') return [];
    if (!['forRoot', 'forRootAsync'].includes(callee.getName())) return [];
    return [readRegistration(workspace, call, callee.getName() as 'forRoot' | 'forRootAsync', moved)];
  });
}

/** The same registration, as the module of another file has it. */
export function readForFile(workspace: Workspace, { call, moved }: Registration, file: SourceFile): Registration {
  const callee = call.getExpression();
  const isAsync = callee.getText().endsWith('forRootAsync');
  return readRegistration(workspace, call, isAsync ? 'forRootAsync' : 'forRoot', moved, file);
}

function readRegistration(
  workspace: Workspace,
  call: CallExpression,
  method: 'forRoot' | 'forRootAsync',
  moved: boolean,
  file = call.getSourceFile(),
): Registration {
  const draft = new Draft(workspace);
  // Before its version 6 the module itself was the first argument.
  const given = call.getArguments().at(-1);
  const literal = method === 'forRoot' ? given : optionsOfFactory(draft, given, call);
  const options: Options = (literal && readOptions(draft, literal, 'the options of RabbitMQModule')) ?? new Map();
  const config = readConfig(draft, options, file);
  if (literal && !options.has('uri')) draft.refuse(literal, 'options of RabbitMQModule without a uri');
  const amqpModule = draft.need(file, 'nest-amqp', 'AmqpModule');
  draft.tell(call, `RabbitMQModule.${method} → AmqpModule.${method}`);
  return { draft, call, file, config, frame: frameOf(draft, call, given, literal, amqpModule, method), moved };
}

/** The object that the factory returns. */
function optionsOfFactory(draft: Draft, given: Node | undefined, call: CallExpression): Node | undefined {
  const { Node: Kind, SyntaxKind } = ast();
  const outer = bare(given);
  if (!Kind.isObjectLiteralExpression(outer)) {
    draft.refuse(call, 'forRootAsync with options that are not written out here');
    return undefined;
  }
  const property = outer.getProperty('useFactory');
  const factory = Kind.isPropertyAssignment(property) ? bare(property.getInitializer()) : property;
  if (!Kind.isArrowFunction(factory) && !Kind.isFunctionExpression(factory) && !Kind.isMethodDeclaration(factory)) {
    draft.refuse(outer, 'forRootAsync without a useFactory that is written out here');
    return undefined;
  }
  const body = factory.getBody();
  if (body && !Kind.isBlock(body)) return literalOf(draft, bare(body));
  const returns = factory
    .getDescendantsOfKind(SyntaxKind.ReturnStatement)
    .filter((found) => found.getFirstAncestor((above) => Kind.isFunctionLikeDeclaration(above)) === factory);
  const [only] = returns;
  if (!only || returns.length > 1) {
    draft.refuse(factory, 'a factory that returns at several places');
    return undefined;
  }
  return literalOf(draft, bare(only.getExpression()));
}

function literalOf(draft: Draft, node: Node | undefined): ObjectLiteralExpression | undefined {
  const { Node: Kind } = ast();
  if (Kind.isObjectLiteralExpression(node)) return node;
  if (node) draft.refuse(node, 'a factory whose options are not written out');
  return undefined;
}

function frameOf(
  draft: Draft,
  call: CallExpression,
  given: Node | undefined,
  literal: Node | undefined,
  amqpModule: string,
  method: string,
): readonly [string, string] {
  const { Node: Kind } = ast();
  const head = `${amqpModule}.${method}(`;
  // A constant that holds the options stays behind; the codemod copies its content into the call.
  if (!given || !literal || method === 'forRoot') return [head, ')'];
  const text = call.getSourceFile().getFullText();
  let before = text.slice(given.getStart(), literal.getStart());
  const factory = literal.getFirstAncestor((above) => Kind.isArrowFunction(above) || Kind.isFunctionExpression(above));
  const type =
    Kind.isArrowFunction(factory) || Kind.isFunctionExpression(factory) ? factory.getReturnTypeNode() : undefined;
  if (type?.getText().includes('RabbitMQConfig')) {
    const options = draft.need(call.getSourceFile(), 'nest-amqp', 'AmqpModuleOptions', true);
    const at = type.getStart() - given.getStart();
    before =
      before.slice(0, at) +
      type.getText().replace('RabbitMQConfig', options) +
      before.slice(at + type.getText().length);
  }
  return [head + before, `${text.slice(literal.getEnd(), given.getEnd())})`];
}

/** Returns the text of the new registration. @param single the application has no other one, so it needs no name */
export function registrationText({ call, config, frame, file }: Registration, single: boolean): string {
  const line = file.getFullText().slice(0, call.getStart()).split('\n').at(-1) ?? '';
  const base = /^\s*/.exec(line)?.[0] ?? '';
  const isAsync = frame[0].includes('useFactory');
  const literalLine = isAsync ? (frame[0].split('\n').at(-1) ?? '') : line;
  const indent = frame[0].includes('\n') ? (/^\s*/.exec(literalLine)?.[0] ?? base) : base;
  const name = single || config.name === undefined || config.name === 'default' ? undefined : `'${config.name}'`;
  const topology = config.topology.text(`${indent}  `);
  const entries = [
    ...(name && !isAsync ? ([['name', name]] as const) : []),
    ...config.options,
    ...(topology === '' ? [] : ([['topology', topology]] as const)),
  ];
  const lines = entries.map(([key, text]) => `${indent}  ${key === text ? key : `${key}: ${text}`},\n`);
  const [before, after] = frame;
  const head = name && isAsync ? before.replace('{', `{\n${base}  name: ${name},`) : before;
  return `${head}{\n${lines.join('')}${indent}}${after}`;
}
