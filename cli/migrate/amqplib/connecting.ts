import type { CallExpression, Node } from 'ts-morph';
import { ast } from '../source/ast.js';
import type { Draft } from '../source/draft.js';
import { bare, elementsOf, isTrue, readOptions, textOf, type Options } from '../source/reading.js';
import { objectText } from '../source/topology.js';
import { awaitedOf } from './awaiting.js';

const CLIENT = 'nest-amqp/client';

/** `amqp.connect(url, socketOptions)` of amqplib. */
export function rewriteConnect(draft: Draft, call: CallExpression): void {
  const { Node: Kind } = ast();
  const [url, more, ...others] = call.getArguments();
  if (others.length > 0) return draft.refuse(call, 'connect() with a callback');
  const options = new Map<string, () => string>();
  readSocketOptions(draft, more, options);
  const parts = bare(url);
  if (url && Kind.isObjectLiteralExpression(parts)) readParts(draft, parts, options);
  const connect = draft.need(call.getSourceFile(), CLIENT, 'connect');
  draft.replace(call, () => {
    const texts = objectText([...options].map(([name, text]) => [name, text()] as const));
    const given = url && !Kind.isObjectLiteralExpression(parts) ? [draft.print(url)] : [];
    return `${connect}(${[...given, ...(texts === '' ? [] : [texts])].join(', ')})`;
  });
  draft.tell(call, 'amqplib connect → connect of nest-amqp/client');
}

function readSocketOptions(draft: Draft, node: Node | undefined, options: Map<string, () => string>): void {
  if (!node || bare(node)?.getText() === 'undefined') return;
  for (const [name, value] of readOptions(draft, node, 'the socket options of connect()') ?? []) {
    if (name === 'timeout') options.set('connectTimeout', () => draft.print(value));
    else if (name === 'clientProperties') {
      for (const [property, given] of readOptions(draft, value, name) ?? []) {
        if (property === 'connection_name') options.set('connectionName', () => draft.print(given));
        else draft.refuse(given, `client property '${property}': goes into clientProperties`);
      }
    } else if (!['noDelay', 'keepAlive', 'keepAliveDelay'].includes(name)) {
      draft.refuse(value, `socket option '${name}': TLS goes into tls: { … }`);
    }
  }
}

/** A URL in parts, with amqplib's defaults. */
function readParts(draft: Draft, node: Node, options: Map<string, () => string>): void {
  const parts: Options = readOptions(draft, node, 'the URL') ?? new Map();
  for (const [name, value] of parts) {
    if (!['protocol', 'hostname', 'port', 'username', 'password', 'vhost', 'heartbeat', 'locale'].includes(name)) {
      draft.refuse(value, `'${name}' of a URL in parts`);
    }
  }
  const part = (name: string, otherwise: string) => {
    const value = parts.get(name);
    const { Node: Kind } = ast();
    if (!value) return otherwise;
    const known = textOf(value) ?? (Kind.isNumericLiteral(bare(value)) ? value.getText() : undefined);
    return known ?? `\${${draft.print(value)}}`;
  };
  const protocol = parts.get('protocol');
  if (protocol && textOf(protocol) === undefined) draft.refuse(protocol, 'a protocol that is not written out');
  options.set('urls', () => {
    const url = `${part('protocol', 'amqp')}://${part('hostname', 'localhost')}:${part('port', '5672')}`;
    return url.includes('${') ? `\`${url}\`` : `'${url}'`;
  });
  const [username, password] = [parts.get('username'), parts.get('password')];
  if (username && password) {
    options.set('credentials', () => `{ username: ${draft.print(username)}, password: ${draft.print(password)} }`);
  }
  for (const name of ['vhost', 'heartbeat']) {
    const value = parts.get(name);
    if (value) options.set(name, () => draft.print(value));
  }
}

/** `amqp.connect(urls, options)` of amqp-connection-manager, which gives its connection at once; ours is awaited. */
export function rewriteManagedConnect(draft: Draft, call: CallExpression): void {
  const { Node: Kind } = ast();
  const [urls, given] = call.getArguments();
  const options = new Map<string, () => string>();
  for (const [name, value] of readOptions(draft, given, 'the options of connect()') ?? []) {
    if (name === 'heartbeatIntervalInSeconds') options.set('heartbeat', () => draft.print(value));
    else if (name === 'reconnectTimeInSeconds') {
      const delay = /^\d+$/.test(value.getText())
        ? String(Number(value.getText()) * 1000)
        : `${value.getText()} * 1000`;
      options.set('reconnect', () => `{ initialDelay: ${delay}, maxDelay: ${delay} }`);
    } else if (name === 'connectionOptions') readSocketOptions(draft, value, options);
    else draft.refuse(value, `option '${name}' of amqp-connection-manager`);
  }
  if (!urls || elementsOf(urls)?.some((url) => Kind.isObjectLiteralExpression(bare(url)))) {
    draft.refuse(call, 'a broker that is not given by its URL');
    return;
  }
  const prefix = awaitHere(draft, call);
  const connect = draft.need(call.getSourceFile(), CLIENT, 'connect');
  draft.replace(call, () => {
    const texts = objectText([...options].map(([name, text]) => [name, text()] as const));
    const [only, ...more] = elementsOf(urls) ?? [urls];
    const where = only && more.length === 0 ? draft.print(only) : undefined;
    if (where !== undefined) return `${prefix}${connect}(${[where, ...(texts === '' ? [] : [texts])].join(', ')})`;
    const all = objectText([
      ['urls', draft.print(urls)],
      ...[...options].map(([name, text]) => [name, text()] as const),
    ]);
    return `${prefix}${connect}(${all})`;
  });
  draft.tell(call, 'amqp-connection-manager connect → connect of nest-amqp/client');
}

/** Makes the function around the call asynchronous: a manager returns the value at once, nest-amqp returns a promise. */
function awaitHere(draft: Draft, call: CallExpression): string {
  const { Node: Kind } = ast();
  if (awaitedOf(call).awaited) return '';
  const owner = call.getFirstAncestor(
    (above) => Kind.isFunctionLikeDeclaration(above) || Kind.isArrowFunction(above) || Kind.isFunctionExpression(above),
  );
  const isAsync =
    (Kind.isMethodDeclaration(owner) ||
      Kind.isFunctionDeclaration(owner) ||
      Kind.isArrowFunction(owner) ||
      Kind.isFunctionExpression(owner)) &&
    owner.isAsync();
  if (isAsync) return 'await ';
  draft.refuse(call, 'a connection or channel that is made where nothing can be awaited: make the function async');
  return '';
}

/** `connection.createChannel({ json, setup })`: opened, then set up. */
export function rewriteManagedChannel(draft: Draft, call: CallExpression, connection: () => string): void {
  const { Node: Kind } = ast();
  const given = bare(call.getArguments()[0]);
  const options = Kind.isObjectLiteralExpression(given) ? given : undefined;
  if (given && !options) draft.refuse(call, 'options of a channel that are no literal object');
  let setup: (() => string) | undefined;
  let confirm = true;
  let timeout: (() => string) | undefined;
  for (const property of options?.getProperties() ?? []) {
    const name = Kind.isPropertyAssignment(property) || Kind.isMethodDeclaration(property) ? property.getName() : '';
    const value = Kind.isPropertyAssignment(property) ? property.getInitializerOrThrow() : undefined;
    if (name === 'setup' && value) {
      if (Kind.isArrowFunction(value) && value.getParameters().length > 1)
        draft.refuse(value, 'a setup with a callback');
      setup = () => draft.print(value);
    } else if (name === 'setup' && Kind.isMethodDeclaration(property))
      draft.refuse(property, 'a setup that is a method');
    else if (name === 'confirm' && value) confirm = isTrue(value);
    else if (name === 'publishTimeout' && value) timeout = () => draft.print(value);
    else if (name !== 'json' && name !== 'name') draft.refuse(property, 'an option of a channel');
  }
  const prefix = awaitHere(draft, call);
  draft.replace(call, () => {
    const channel = objectText([
      ...(confirm ? [['confirm', 'true'] as const] : []),
      ...(timeout ? [['publishTimeout', timeout()] as const] : []),
    ]);
    const opened = `${connection()}.openChannel(${channel})`;
    if (!setup) return `${prefix}${opened}`;
    return `${prefix}${opened}.then(async (opened) => {\nawait (${setup()})(opened);\nreturn opened;\n})`;
  });
  draft.tell(call, 'createChannel({ setup }) → openChannel(), then the setup');
}

/** Returns whether a channel of amqp-connection-manager writes its payloads as JSON. */
export function writesJson(call: Node | undefined): boolean {
  const { Node: Kind } = ast();
  const options = Kind.isCallExpression(call) ? bare(call.getArguments()[0]) : undefined;
  const json = Kind.isObjectLiteralExpression(options) ? options.getProperty('json') : undefined;
  return Kind.isPropertyAssignment(json) && isTrue(json.getInitializer());
}
