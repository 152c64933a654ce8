import { AMQPLIB_MODULES } from './amqplib/roles.js';
import { migrateAmqplib } from './amqplib/amqplib.js';
import { migrateGolevelup } from './golevelup/golevelup.js';
import { GOLEVELUP_MODULES } from './golevelup/names.js';
import type { Workspace } from './source/workspace.js';
import { migrateTransport, TRANSPORT_MODULES } from './transport/transport-rmq.js';

/** A way to move from one of the packages that nest-amqp replaces. */
export interface Kind {
  /** Packages whose imports the codemod may remove. */
  readonly modules: readonly string[];
  /** Packages that the codemod removes from package.json once no file imports them. */
  readonly packages: readonly string[];
  readonly guide: string;
  /** The new code uses Nest's layer, and not only `nest-amqp/client`. */
  readonly needsNest: boolean;
  readonly migrate: (workspace: Workspace) => void;
}

const AMQP_PACKAGES = ['amqplib', 'amqp-connection-manager', '@types/amqplib'];

export const kinds: Readonly<Record<string, Kind>> = {
  golevelup: {
    modules: GOLEVELUP_MODULES,
    packages: ['@golevelup/nestjs-rabbitmq', ...AMQP_PACKAGES],
    guide: 'docs/migrating-from-golevelup.md',
    needsNest: true,
    migrate: migrateGolevelup,
  },
  'transport-rmq': {
    modules: TRANSPORT_MODULES,
    packages: AMQP_PACKAGES,
    guide: 'docs/migrating-from-transport-rmq.md',
    needsNest: true,
    migrate: migrateTransport,
  },
  amqplib: {
    modules: AMQPLIB_MODULES,
    packages: AMQP_PACKAGES,
    guide: 'docs/migrating-from-amqplib.md',
    needsNest: false,
    migrate: migrateAmqplib,
  },
};
