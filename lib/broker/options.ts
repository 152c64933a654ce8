import { systemClock, systemRandom, type Clock, type Random } from '../environment/index.js';
import { unknownOption } from '../option-names/index.js';
import { FRAME_MIN_SIZE } from '../protocol/spec.js';

export interface BrokerOptions {
  /** TCP port; 0 for a free port. Default 0. */
  readonly port?: number;
  /** Address to listen on. Default 127.0.0.1: other machines cannot connect. */
  readonly host?: string;
  /** Users and their passwords. Default `{ guest: 'guest' }`. */
  readonly users?: Readonly<Record<string, string>>;
  /** Virtual hosts. Default `['/']`. */
  readonly vhosts?: readonly string[];
  /** Largest frame that the broker proposes and accepts, in bytes. Default 131,072. */
  readonly frameMax?: number;
  /** Maximum number of channels of a connection. Default 2,047. */
  readonly channelMax?: number;
  /** Heartbeat interval that the broker proposes, in seconds; 0 for none. Default 60. */
  readonly heartbeat?: number;
  /** Maximum size of a message in bytes; larger ones are refused (406). Default 134,217,728. */
  readonly maxMessageSize?: number;
  /**
   * Bytes of all ready and unacknowledged messages beyond which publishers are blocked, as by RabbitMQ's memory alarm.
   * Default 1,073,741,824.
   */
  readonly memoryLimit?: number;
  /** Maximum number of journal entries; 0 for none. Default 10,000. */
  readonly journalSize?: number;
  /** Maximum bytes of the messages and arguments in these entries; older entries are dropped. Default 67,108,864. */
  readonly journalBytes?: number;
  /** Called with a line for each connection that is opened, refused, failed or closed. Default: silent. */
  readonly log?: (line: string) => void;
  /** For tests: the clock of the broker. Default: the system's clock. */
  readonly clock?: Clock;
  /** For tests: the randomness of generated names. Default: the system's randomness. */
  readonly random?: Random;
}

export type ResolvedBrokerOptions = Required<BrokerOptions>;

/** @throws RangeError that names the option */
export function resolveBrokerOptions(options: BrokerOptions): ResolvedBrokerOptions {
  const resolved: ResolvedBrokerOptions = {
    port: options.port ?? 0,
    host: options.host ?? '127.0.0.1',
    users: options.users ?? { guest: 'guest' },
    vhosts: options.vhosts ?? ['/'],
    frameMax: options.frameMax ?? 131_072,
    channelMax: options.channelMax ?? 2_047,
    heartbeat: options.heartbeat ?? 60,
    maxMessageSize: options.maxMessageSize ?? 128 * 1024 * 1024,
    memoryLimit: options.memoryLimit ?? 1024 * 1024 * 1024,
    journalSize: options.journalSize ?? 10_000,
    journalBytes: options.journalBytes ?? 64 * 1024 * 1024,
    log: options.log ?? (() => {}),
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  };
  const unknown = unknownOption(options, Object.keys(resolved));
  if (unknown !== undefined) throw new RangeError(`EmbeddedBroker: ${unknown}`);
  atLeast('frameMax', resolved.frameMax, FRAME_MIN_SIZE);
  atLeast('channelMax', resolved.channelMax, 1);
  for (const name of ['port', 'heartbeat', 'maxMessageSize', 'memoryLimit', 'journalSize', 'journalBytes'] as const) {
    atLeast(name, resolved[name], 0);
  }
  return resolved;
}

function atLeast(name: string, value: number, min: number): void {
  if (!(Number.isInteger(value) && value >= min)) {
    throw new RangeError(`EmbeddedBroker: ${name} must be a whole number of at least ${min}`);
  }
}
