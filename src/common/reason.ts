import { types } from 'node:util';

/** Maximum number of causes that are named, since a chain of causes may be circular. */
const MAX_DEPTH = 5;
/** Maximum number of parts of an AggregateError, and of messages of a validation, that are named. */
const MAX_PARTS = 10;
/** Maximum number of errors that one reason names. Errors may share causes and parts, so their tree may be endless. */
const MAX_ERRORS = 50;
/** Maximum characters of one text that are read. It is far beyond what is shown. */
const MAX_TEXT = 8_192;

/**
 * Returns the reason of a failure as text: name and message of the error, the messages of a validation, the parts of an
 * AggregateError, then the causes. Accepts any thrown value and never throws: a Proxy, or an error whose getters throw,
 * is described by what can be read.
 *
 * Credentials in URLs are masked, and the text that a JSON parser quotes is left out, since it is the payload. A thrown
 * object that is no error may be the payload, so it is described by its `message`, `name`, `code` and `status` alone.
 *
 * @example `TypeError: fetch failed ← Error: connect ECONNREFUSED 127.0.0.1:80`
 */
export function reasonOf(thrown: unknown): string {
  return withoutSecrets(chainOf(thrown, new Set(), { left: MAX_ERRORS }));
}

/** Returns the frames of an error's stack without its message; undefined if it has none. */
export function framesOf(thrown: unknown): string | undefined {
  const stack = isObject(thrown) ? textIn(thrown, 'stack') : undefined;
  const begin = stack?.search(/^ {4}at /m) ?? -1;
  return begin < 0 ? undefined : withoutSecrets(stack!.slice(begin));
}

/** Returns true if the value is an error of any realm, and false if reading the value fails. */
export function isError(value: unknown): value is Error {
  return attempt(() => value instanceof Error || types.isNativeError(value)) ?? false;
}

/** Returns true if the value's prototype, name, message, stack and text can be read. */
export function isReadable(thrown: unknown): boolean {
  try {
    if (!isObject(thrown)) return true;
    const { name, message, stack } = thrown as Record<'name' | 'message' | 'stack', unknown>;
    return [thrown instanceof Error, name, message, stack, String(thrown)].length > 0;
  } catch {
    return false;
  }
}

/** The number of errors that may still be named. */
interface Budget {
  left: number;
}

/** @param seen the errors on the way to this one */
function chainOf(thrown: unknown, seen: Set<unknown>, budget: Budget): string {
  budget.left--;
  if (!isObject(thrown)) return primitive(thrown);
  seen.add(thrown);
  const own = [nameAndMessage(thrown), ...details(thrown), ...parts(thrown, seen, budget)].join('');
  const cause = read(thrown, 'cause');
  if (cause === undefined || cause === null || !mayFollow(cause, seen, budget)) return own;
  return `${own} ← ${chainOf(cause, seen, budget)}`;
}

/** Ends circles, long chains and large trees. */
function mayFollow(next: unknown, seen: ReadonlySet<unknown>, budget: Budget): boolean {
  return !seen.has(next) && seen.size <= MAX_DEPTH && budget.left > 0;
}

/** Returns a text such as `TypeError: fetch failed`; the name alone if there is no message. */
function nameAndMessage(thrown: object): string {
  const error = isError(thrown);
  const name = error ? errorName(thrown) : `a thrown ${typeName(thrown)}`;
  const message = textIn(thrown, 'message') ?? '';
  const code = read(thrown, 'code') ?? (error ? undefined : read(thrown, 'status'));
  const shown = typeof code === 'string' || typeof code === 'number' ? String(code) : '';
  const told = shown === '' || message.includes(shown) ? '' : ` (${shown})`;
  return `${name}${message === '' ? '' : `: ${withoutQuotedJson(message)}`}${told}`;
}

/** Returns details of an HttpException or RpcException, recognised by their methods: their packages may be missing. */
function details(thrown: object): string[] {
  const said = call(thrown, 'getResponse') ?? call(thrown, 'getError');
  const message = textIn(thrown, 'message') ?? '';
  const messages = messagesIn(said).filter((text) => text !== message);
  const code = isObject(said) && messages.length === 0 ? read(said, 'code') : undefined;
  if (typeof code === 'string' || typeof code === 'number') messages.push(`code ${code}`);
  if (messages.length === 0) return [];
  const more = messages.length > MAX_PARTS ? '; and more' : '';
  return [` (${messages.slice(0, MAX_PARTS).join('; ')}${more})`];
}

/**
 * Returns the texts under `message`, `errors` and `issues` and the constraints of class-validator, each with its path.
 * Never returns a refused value.
 */
function messagesIn(said: unknown, path = '', depth = 0): string[] {
  if (typeof said === 'string') return [path === '' ? said : `${path}: ${said}`];
  if (!isObject(said) || depth > MAX_DEPTH) return [];
  const list = items(said);
  if (list) return list.flatMap((item) => messagesIn(item, path, depth + 1));
  const where = joined(path, read(said, 'path') ?? read(said, 'property'));
  const constraints = read(said, 'constraints');
  const told = isObject(constraints) ? valuesOf(constraints) : [];
  const nested = ['message', 'errors', 'issues', 'children'].map((key) => read(said, key));
  return [...told, ...nested].flatMap((item) => messagesIn(item, where, depth + 1));
}

function joined(path: string, next: unknown): string {
  const steps = isObject(next) ? (items(next) ?? []) : [next];
  const named = steps.map((step) => (isObject(step) ? read(step, 'key') : step));
  return [path, ...named.filter((step) => typeof step === 'string' || typeof step === 'number')]
    .filter((step) => step !== '')
    .join('.');
}

/**
 * Returns the parts of an AggregateError: whatever the promises of `Promise.any` were rejected with. Other errors, such as
 * those of validators, are read only if all their parts are errors, since other parts may quote the payload.
 */
function parts(thrown: object, seen: ReadonlySet<unknown>, budget: Budget): string[] {
  if (!isError(thrown)) return [];
  const errors = read(thrown, 'errors');
  const list = isObject(errors) ? items(errors) : undefined;
  if (!list || list.length === 0) return [];
  if (textIn(thrown, 'name') !== 'AggregateError' && !list.every((part) => isError(part))) return [];
  const named = list
    .slice(0, MAX_PARTS)
    .map((part) => (mayFollow(part, seen, budget) ? chainOf(part, new Set(seen), budget) : '…'));
  if (list.length > MAX_PARTS) named.push('and more');
  return [` [${named.join('; ')}]`];
}

function primitive(thrown: unknown): string {
  if (typeof thrown === 'string') return `a thrown string: ${thrown.slice(0, MAX_TEXT)}`;
  if (thrown === undefined || thrown === null) return `a thrown ${String(thrown)}`;
  return `a thrown ${typeof thrown}: ${String(thrown)}`;
}

/** Returns the error's own name, or the name of its class if that says more: Nest's RpcException is named `Error`. */
function errorName(error: Error): string {
  const name = textIn(error, 'name') ?? 'Error';
  if (name !== 'Error') return name;
  const own = typeName(error);
  return /(Error|Exception)$/.test(own) ? own : name;
}

function typeName(thrown: object): string {
  const name: unknown = attempt(() => thrown.constructor.name);
  return typeof name === 'string' && name !== '' && name !== 'Object' ? name : typeof thrown;
}

// Reading values that may be hostile.

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function read(from: object, key: string): unknown {
  return attempt(() => (from as Record<string, unknown>)[key]);
}

/** Returns the value of a property if it is text, else undefined. */
function textIn(from: object, key: string): string | undefined {
  const value = read(from, key);
  return typeof value === 'string' ? value.slice(0, MAX_TEXT) : undefined;
}

function call(on: object, method: string): unknown {
  const found = read(on, method);
  return typeof found === 'function' ? attempt(() => found.call(on) as unknown) : undefined;
}

/** Returns the first items of an array, since more are never shown; undefined for any other value. */
function items(value: object): unknown[] | undefined {
  return attempt(() => (Array.isArray(value) ? Array.from((value as unknown[]).slice(0, MAX_PARTS + 1)) : undefined));
}

function valuesOf(value: object): unknown[] {
  return attempt(() => Object.values(value)) ?? [];
}

// Texts that must not appear in a log.

const CREDENTIALS = /([a-z][a-z0-9+.-]*:\/\/)[^\s/]*@/gi;

function withoutSecrets(text: string): string {
  return text.slice(0, 4 * MAX_TEXT).replace(CREDENTIALS, '$1***@');
}

/** Matches `Unexpected token 'c', "card 4111" is not valid JSON`, where V8 quotes the text. */
function withoutQuotedJson(message: string): string {
  return message.endsWith(' is not valid JSON') ? 'the text is not valid JSON' : message;
}
