import 'reflect-metadata';
import type { PipeTransform, Type } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from './consumers.constants.js';

/** A pipe, or the class of one. */
export type Pipe = PipeTransform | Type<PipeTransform>;

interface RouteArgument {
  readonly index: number;
  /** The property of the payload that is asked for; undefined for all of it. */
  readonly data: string | undefined;
  readonly pipes: readonly Pipe[];
}

/** Where each argument of a handler comes from, by `<source>:<index>`; the form is Nest's. */
export type RouteArguments = Readonly<Record<string, RouteArgument>>;

/** The arguments that parameter decorators have declared on this method, those of its base classes included. */
export function readRouteArguments(target: object, method: string | symbol): RouteArguments | undefined {
  return Reflect.getMetadata(ROUTE_ARGS_METADATA, target.constructor, method) as RouteArguments | undefined;
}

/** Declares that the argument at `index` comes from `source`, whatever a base class said about it. */
export function addRouteArgument(
  target: object,
  method: string | symbol,
  source: number,
  { index, data, pipes }: RouteArgument,
): void {
  const others = Object.entries(readRouteArguments(target, method) ?? {}).filter(([, other]) => other.index !== index);
  const known = Object.fromEntries(others);
  const all = { ...known, [`${source}:${index}`]: { index, data, pipes } };
  Reflect.defineMetadata(ROUTE_ARGS_METADATA, all, target.constructor, method);
}
