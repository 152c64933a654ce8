import type { FieldTable } from '../../protocol/field-table.js';
import { PRODUCT_VERSION } from '../../protocol/product.js';
import { FRAME_MIN_SIZE } from '../../protocol/spec.js';
import type { Method, MethodArguments, MethodName } from '../../protocol/types.js';
import { mechanisms, readLogin, validUntil } from './credentials.js';
import { accessRefused, BrokerError } from '../errors.js';
import type { BrokerFaults } from '../control/faults.js';
import type { Journal } from '../control/journal.js';
import type { ResolvedBrokerOptions } from '../options.js';
import type { Vhost } from '../routing/vhost.js';

/** The result of a handshake. */
export interface Opened {
  readonly user: string;
  /** Time in ms since 1970 at which the login expires; Infinity for never. */
  readonly expiresAt: number;
  readonly vhost: Vhost;
  /** The name that the client gave the connection (`connection_name`), or ''. */
  readonly name: string;
  readonly clientProperties: FieldTable;
  readonly frameMax: number;
  readonly channelMax: number;
  /** Seconds; 0 for none. */
  readonly heartbeat: number;
}

/** The part of a session that a handshake uses. */
export interface HandshakeHost {
  readonly id: number;
  readonly options: ResolvedBrokerOptions;
  readonly faults: BrokerFaults;
  readonly journal: Journal;
  readonly vhosts: ReadonlyMap<string, Vhost>;
  send<N extends MethodName>(name: N, args: MethodArguments<N>): void;
  onOpened(opened: Opened): void;
  /** Closes the socket after a refused login, for a client that does not understand connection.close yet. */
  giveUp(reason: string): void;
}

const serverProperties: FieldTable = {
  product: 'nest-amqp embedded broker',
  platform: 'Node.js',
  version: PRODUCT_VERSION,
  information: 'For development and tests: everything is kept in memory only',
  capabilities: {
    publisher_confirms: true,
    exchange_exchange_bindings: true,
    'basic.nack': true,
    consumer_cancel_notify: true,
    'connection.blocked': true,
    consumer_priorities: true,
    authentication_failure_close: true,
    per_consumer_qos: true,
    direct_reply_to: true,
  },
};

/**
 * The handshake of a connection (section 2.2.4) at the broker's end.
 *
 *     start ──start-ok──▶ tune ──tune-ok──▶ (wait) ──open──▶ open-ok
 */
export class Handshake {
  private awaited: 'connection.startOk' | 'connection.tuneOk' | 'connection.open' = 'connection.startOk';
  private user = '';
  private expiresAt = Infinity;
  private clientProperties: FieldTable = {};
  private tuned: MethodArguments<'connection.tuneOk'> | undefined;

  constructor(private readonly host: HandshakeHost) {
    host.send('connection.start', {
      versionMajor: 0,
      versionMinor: 9,
      serverProperties,
      mechanisms: Buffer.from(mechanisms.join(' ')),
      locales: Buffer.from('en_US'),
    });
  }

  /** @throws BrokerError */
  onMethod(method: Method): void {
    if (method.name !== this.awaited) {
      throw new BrokerError('COMMAND_INVALID', `${method.name} during the handshake, where ${this.awaited} was due`);
    }
    switch (method.name) {
      case 'connection.startOk':
        return this.logIn(method.args);
      case 'connection.tuneOk':
        return this.tune(method.args);
      case 'connection.open':
        return this.open(method.args.virtualHost);
    }
  }

  private logIn({ mechanism, response, clientProperties }: MethodArguments<'connection.startOk'>): void {
    const { options, faults, journal, id } = this.host;
    this.clientProperties = clientProperties;
    if (!mechanisms.some((offered) => offered === mechanism)) {
      return this.host.giveUp(`unknown authentication mechanism '${mechanism}'`);
    }
    const login = readLogin(mechanism, response);
    const expiresAt = login && validUntil(options, login, 'login');
    if (expiresAt === undefined || faults.refusesLogin()) {
      journal.add('refused', { connection: id, user: login?.user ?? '' });
      const capabilities = clientProperties['capabilities'] as FieldTable | undefined;
      if (capabilities?.['authentication_failure_close'] !== true) return this.host.giveUp('the login was refused');
      throw accessRefused(
        `Login was refused using authentication mechanism ${mechanism}. For details see the broker logfile.`,
      );
    }
    this.user = login!.user;
    this.expiresAt = expiresAt;
    this.awaited = 'connection.tuneOk';
    const { channelMax, frameMax, heartbeat } = options;
    this.host.send('connection.tune', { channelMax, frameMax, heartbeat });
  }

  /** 0 means no limit, which is more than the broker's limit. */
  private tune(args: MethodArguments<'connection.tuneOk'>): void {
    const { options } = this.host;
    const agree = (name: string, wanted: number, min: number, max: number): number => {
      if (wanted >= min && wanted <= max) return wanted;
      const value = wanted === 0 ? '0 (no limit)' : wanted;
      const limit =
        wanted === 0 || wanted > max
          ? `higher than the maximum allowed value (${max})`
          : `lower than the minimum allowed value (${min})`;
      throw new BrokerError('NOT_ALLOWED', `negotiated ${name} = ${value} is ${limit}`);
    };
    this.tuned = {
      channelMax: agree('channel_max', args.channelMax, 1, options.channelMax),
      frameMax: agree('frame_max', args.frameMax, FRAME_MIN_SIZE, options.frameMax),
      heartbeat: args.heartbeat,
    };
    this.awaited = 'connection.open';
  }

  private open(virtualHost: string): void {
    const vhost = this.host.vhosts.get(virtualHost);
    if (!vhost) throw new BrokerError('NOT_ALLOWED', `vhost ${virtualHost} not found`);
    const { user, expiresAt, clientProperties } = this;
    const name = clientProperties['connection_name'];
    this.host.send('connection.openOk', {});
    this.host.onOpened({
      user,
      expiresAt,
      vhost,
      name: typeof name === 'string' ? name : '',
      clientProperties,
      ...this.tuned!,
    });
  }
}
