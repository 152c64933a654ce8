import { Converter, ReflectionKind } from 'typedoc';
import { specifierOf } from '../tools/entries.mjs';

/** Names each entry point as an application imports it. */
export function load({ converter }) {
  converter.on(Converter.EVENT_CREATE_DECLARATION, (_, reflection) => {
    if (reflection.kind === ReflectionKind.Module) reflection.name = specifierOf(reflection.name);
  });
}
