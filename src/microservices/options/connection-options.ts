import { amqplain, external, type ConnectionOptions, type FieldTable, type Urls } from '../../../lib/client/index.js';
import { refuseUnknown } from '../../common/known-options.js';
import { namesOf } from '../../../lib/option-names/index.js';
import type { ConnectionSettings, RmqUrl } from './socket-options.js';
import type { AmqpTransportOptions } from './transport-options.js';

type Given = Pick<AmqpTransportOptions, 'urls' | 'queue' | 'socketOptions' | 'connection' | 'connectionName'>;

/** The options of `Transport.RMQ`, as the client core takes them. */
export function connectionOptions(given: Given, side: 'server' | 'client'): ConnectionOptions {
  const { socketOptions = {}, urls = 'amqp://localhost' } = given;
  const { heartbeatIntervalInSeconds: heartbeat, reconnectTimeInSeconds, findServers } = socketOptions;
  const {
    timeout,
    credentials,
    clientProperties,
    noDelay: _,
    keepAlive: __,
    keepAliveDelay: ___,
    ...tls
  } = socketOptions.connectionOptions ?? {};
  const { connectionName, connection_name, ...properties } = { ...socketOptions.clientProperties, ...clientProperties };
  const ownName = `nest-amqp ${side} ${given.queue ?? ''}`.trimEnd();
  const delay = reconnectTimeInSeconds === undefined ? undefined : reconnectTimeInSeconds * 1_000;
  return {
    urls: normalized(findServers ?? urls),
    connectionName: given.connectionName ?? connection_name ?? connectionName ?? ownName,
    ...(heartbeat === undefined ? {} : { heartbeat }),
    ...(delay === undefined ? {} : { reconnect: { initialDelay: delay, maxDelay: delay } }),
    ...(timeout === undefined ? {} : { connectTimeout: timeout }),
    ...(Object.keys(tls).length === 0 ? {} : { tls }),
    ...(Object.keys(properties).length === 0 ? {} : { clientProperties: properties as FieldTable }),
    ...(credentials === undefined ? {} : login(credentials)),
    ...given.connection,
  };
}

function login(given: NonNullable<ConnectionSettings['credentials']>) {
  const { mechanism, response, username = '', password = '' } = given;
  if (mechanism === 'EXTERNAL') return { mechanisms: [external()] };
  if (given.username === undefined && response) return { mechanisms: [{ name: mechanism, initialResponse: response }] };
  const credentials = { username, password };
  return mechanism === 'AMQPLAIN' ? { credentials, mechanisms: [amqplain(credentials)] } : { credentials };
}

function normalized(urls: NonNullable<Given['urls']>): Urls {
  if (typeof urls === 'string') return urls;
  if (typeof urls !== 'function') return urls.map(toUri);
  return async () => {
    const found = await urls();
    return typeof found === 'string' ? found : found.map(toUri);
  };
}

/** The parts of a URL; without a known host it would be localhost. */
const PARTS = namesOf({
  protocol: 0,
  hostname: 0,
  port: 0,
  username: 0,
  password: 0,
  vhost: 0,
  heartbeat: 0,
  frameMax: 0,
  channelMax: 0,
  locale: 0,
} satisfies Record<keyof RmqUrl, 0>);

/** @throws ConfigurationError for an unknown part */
function toUri(url: string | RmqUrl): string {
  if (typeof url === 'string') return url;
  refuseUnknown('urls', url, PARTS);
  return fromParts(url);
}

function fromParts({ protocol = 'amqp', hostname = 'localhost', port, username, password, vhost, ...limits }: RmqUrl) {
  const user = username === undefined ? '' : encodeURIComponent(username);
  const login = password === undefined ? user : `${user}:${encodeURIComponent(password)}`;
  const host = hostname.includes(':') ? `[${hostname}]` : hostname;
  const query = new URLSearchParams();
  if (limits.heartbeat !== undefined) query.set('heartbeat', String(limits.heartbeat));
  if (limits.frameMax) query.set('frame_max', String(limits.frameMax));
  if (limits.channelMax) query.set('channel_max', String(limits.channelMax));
  return (
    `${protocol}://${login && `${login}@`}${host}${port === undefined ? '' : `:${port}`}` +
    `${vhost === undefined ? '' : `/${encodeURIComponent(vhost)}`}${query.size > 0 ? `?${query}` : ''}`
  );
}
