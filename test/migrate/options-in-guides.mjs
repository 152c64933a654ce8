/**
 * Compares the tables of the migration guides with the types of the packages that they are about: each option has to stand in
 * the first column of a table, in code, below one of the headings that are named for its type.
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Node, Project } from 'ts-morph';

const root = resolve(import.meta.dirname, '../..');
const THEIRS = 'test/migrate/node_modules';
const golevelup = `${THEIRS}/@golevelup/nestjs-rabbitmq/lib`;
const manager = `${THEIRS}/amqp-connection-manager/dist/types/AmqpConnectionManager.d.ts`;
const HANDLERS = ['Decorators', 'Handler options'];

/** Types in `file`, and the headings of the guide below which their options are. */
const golevelupTypes = [
  [`${golevelup}/rabbitmq.interfaces.d.ts`, 'MessageHandlerOptions', HANDLERS],
  [`${golevelup}/rabbitmq.interfaces.d.ts`, 'RabbitSubscribeBinding', HANDLERS],
  [`${golevelup}/rabbitmq.interfaces.d.ts`, 'QueueOptions', HANDLERS],
  [`${golevelup}/rabbitmq.interfaces.d.ts`, 'BatchOptions', HANDLERS],
  [`${golevelup}/rabbitmq.interfaces.d.ts`, 'RabbitMQConfig', ['Module options']],
  [`${golevelup}/rabbitmq.interfaces.d.ts`, 'RabbitMQExchangeConfig', ['Module options']],
  [`${golevelup}/rabbitmq.interfaces.d.ts`, 'RabbitMQQueueConfig', ['Module options']],
  [`${golevelup}/rabbitmq.interfaces.d.ts`, 'RabbitMQExchangeBindingConfig', ['Module options']],
  [`${golevelup}/rabbitmq.interfaces.d.ts`, 'RabbitMQChannelConfig', ['Module options']],
  [`${golevelup}/rabbitmq.interfaces.d.ts`, 'ConnectionInitOptions', ['Module options']],
  [manager, 'AmqpConnectionManagerOptions', ['Module options']],
  [`${golevelup}/rabbitmq.interfaces.d.ts`, 'RequestOptions', ['Publishing']],
  [`${golevelup}/amqp/connection.d.ts`, 'AmqpConnection', ['Publishing']],
];
/** For each Nest whose transport the guide is about. */
const transportTypes = (modules) => {
  const nest = `${modules}/@nestjs/microservices`;
  return [
    [`${nest}/interfaces/microservice-configuration.interface.d.ts`, 'RmqOptions', ['Options']],
    [`${nest}/external/rmq-url.interface.d.ts`, 'RmqUrl', ['Options']],
    [`${nest}/external/rmq-url.interface.d.ts`, 'AmqpConnectionManagerSocketOptions', ['Options']],
    [`${nest}/external/rmq-url.interface.d.ts`, 'AmqplibQueueOptions', ['Options']],
    [`${nest}/record-builders/rmq.record-builder.d.ts`, 'RmqRecordOptions', ['Records']],
  ];
};

/** Options that `RmqOptions` has around its own, and that users do not choose. */
const NO_OPTIONS = new Set(['transport', 'constructor']);

/** Returns a line for each option that a guide lacks. */
export function missingInGuides() {
  const guides = [
    ['migrating-from-golevelup.md', golevelupTypes],
    ['migrating-from-transport-rmq.md', [...transportTypes('node_modules'), ...transportTypes(THEIRS)]],
  ];
  return guides.flatMap(([guide, types]) => {
    const text = readFileSync(join(root, 'docs', guide), 'utf8');
    return types.flatMap(([file, type, headings]) => {
      const listed = new Set(headings.flatMap((heading) => wordsOfTables(text, heading)));
      return optionsOf(file, type)
        .filter((option) => !listed.has(option))
        .map((option) => `docs/${guide}: no table below "${headings.join('" or "')}" has '${option}' of ${type}`);
    });
  });
}

const project = new Project({ skipAddingFilesFromTsConfig: true, skipFileDependencyResolution: true });

/** Returns the names of the options of an interface, or of the public members of a class. */
function optionsOf(file, type) {
  const source = project.addSourceFileAtPath(join(root, file));
  const declared = source.getInterface(type) ?? source.getClass(type);
  if (!declared) throw new Error(`${file} has no ${type}`);
  const names = membersOf(declared);
  if (names.length === 0) throw new Error(`${type} of ${file} has no options`);
  return names;
}

function membersOf(declared) {
  return declared.getMembers().flatMap((member) => {
    const isHidden = Node.isModifierable(member) && (member.hasModifier('private') || member.hasModifier('protected'));
    if (isHidden || !Node.hasName(member) || NO_OPTIONS.has(member.getName())) return [];
    const inner = Node.isPropertySignature(member) ? member.getTypeNode() : undefined;
    return Node.isTypeLiteral(inner) ? membersOf(inner) : [member.getName()];
  });
}

/** Returns the words in code of the first columns of the tables below a heading. */
function wordsOfTables(text, heading) {
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`no heading "${heading}"`);
  const cells = section.split('\n').flatMap((line) => /^\| (.*?)(?<!\\) \|/.exec(line)?.[1] ?? []);
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].flatMap(([, code]) => code.match(/\w+/g) ?? []));
}
