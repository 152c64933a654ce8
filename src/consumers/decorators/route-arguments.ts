import 'reflect-metadata';
import type { PipeTransform, Type } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '../options/consumers.constants.js';
import type { StandardSchema } from '../../contracts/standard-schema.js';

/** A pipe, or the class of one. */
export type Pipe = PipeTransform | Type<PipeTransform>;

interface RouteArgument {
  readonly index: number;
  /** The requested property of the payload; undefined for the whole payload. */
  readonly data: string | undefined;
  readonly pipes: readonly Pipe[];
  /** For Nest 12's `StandardSchemaValidationPipe`. */
  readonly schema?: StandardSchema;
}

/** The source of each argument of a handler, by `<source>:<index>`, in Nest's form. */
export type RouteArguments = Readonly<Record<string, RouteArgument>>;

/**
 * Returns the arguments that parameter decorators have declared on this method and on the same method of its base
 * classes.
 */
export function readRouteArguments(target: object, method: string | symbol): RouteArguments | undefined {
  return Reflect.getMetadata(ROUTE_ARGS_METADATA, target.constructor, method) as RouteArguments | undefined;
}

/** Declares that the argument at `index` comes from `source`; it overrides a declaration of a base class. */
export function addRouteArgument(
  target: object,
  method: string | symbol,
  source: number,
  argument: RouteArgument,
): void {
  const { index } = argument;
  const others = Object.entries(readRouteArguments(target, method) ?? {}).filter(([, other]) => other.index !== index);
  const known = Object.fromEntries(others);
  const all = { ...known, [`${source}:${index}`]: argument };
  Reflect.defineMetadata(ROUTE_ARGS_METADATA, all, target.constructor, method);
}

/** Removes the declarations of the argument at `index`; returns them, with their sources as keys. */
export function takeRouteArgument(target: object, method: string | symbol, index: number): RouteArguments {
  const all = Object.entries(readRouteArguments(target, method) ?? {});
  const others = all.filter(([, argument]) => argument.index !== index);
  Reflect.defineMetadata(ROUTE_ARGS_METADATA, Object.fromEntries(others), target.constructor, method);
  return Object.fromEntries(all.filter(([, argument]) => argument.index === index));
}
