import 'reflect-metadata';
import type { PipeTransform, Type } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '../options/consumers.constants.js';
import type { PayloadSchema } from './payload-schema.js';

/** A pipe, or the class of one. */
export type Pipe = PipeTransform | Type<PipeTransform>;

interface RouteArgument {
  readonly index: number;
  /** The property of the payload that is asked for; undefined for all of it. */
  readonly data: string | undefined;
  readonly pipes: readonly Pipe[];
  /** For Nest 12's `StandardSchemaValidationPipe`. */
  readonly schema?: PayloadSchema;
}

/** The source of each argument of a handler, by `<source>:<index>`, in Nest's form. */
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
  argument: RouteArgument,
): void {
  const { index } = argument;
  const others = Object.entries(readRouteArguments(target, method) ?? {}).filter(([, other]) => other.index !== index);
  const known = Object.fromEntries(others);
  const all = { ...known, [`${source}:${index}`]: argument };
  Reflect.defineMetadata(ROUTE_ARGS_METADATA, all, target.constructor, method);
}
