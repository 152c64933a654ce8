/**
 * The AMQP 0-9-1 specification, once: every class, method, argument, content property and reply code,
 * with RabbitMQ's extensions. Types, codecs and errors derive from these tables and from nothing else.
 *
 * Sources: amqp0-9-1.xml, and RabbitMQ's extensions (confirm.select, basic.nack, exchange.bind/unbind,
 * connection.blocked/unblocked/update-secret).
 */

/** The encoding of an argument: the domains of section 4.2.1, resolved to their base types. */
export type FieldKind = 'octet' | 'short' | 'long' | 'longlong' | 'shortstr' | 'longstr' | 'table' | 'bit';

interface MethodSpec {
  readonly id: readonly [classId: number, methodId: number];
  /** In the order of the wire; neighbouring bits share an octet. Names that begin with `reserved` are sent as zero. */
  readonly args: Readonly<Record<string, FieldKind>>;
  /** The method is followed by a content header and body (section 2.3.5.2). */
  readonly content?: true;
  /** The methods that answer this one, when it is synchronous. */
  readonly reply?: readonly string[];
}

export const methods = {
  'connection.start': {
    id: [10, 10],
    args: {
      versionMajor: 'octet',
      versionMinor: 'octet',
      serverProperties: 'table',
      mechanisms: 'longstr',
      locales: 'longstr',
    },
    reply: ['connection.startOk'],
  },
  'connection.startOk': {
    id: [10, 11],
    args: { clientProperties: 'table', mechanism: 'shortstr', response: 'longstr', locale: 'shortstr' },
  },
  'connection.secure': { id: [10, 20], args: { challenge: 'longstr' }, reply: ['connection.secureOk'] },
  'connection.secureOk': { id: [10, 21], args: { response: 'longstr' } },
  'connection.tune': {
    id: [10, 30],
    args: { channelMax: 'short', frameMax: 'long', heartbeat: 'short' },
    reply: ['connection.tuneOk'],
  },
  'connection.tuneOk': { id: [10, 31], args: { channelMax: 'short', frameMax: 'long', heartbeat: 'short' } },
  'connection.open': {
    id: [10, 40],
    args: { virtualHost: 'shortstr', reserved1: 'shortstr', reserved2: 'bit' },
    reply: ['connection.openOk'],
  },
  'connection.openOk': { id: [10, 41], args: { reserved1: 'shortstr' } },
  'connection.close': {
    id: [10, 50],
    args: { replyCode: 'short', replyText: 'shortstr', classId: 'short', methodId: 'short' },
    reply: ['connection.closeOk'],
  },
  'connection.closeOk': { id: [10, 51], args: {} },
  'connection.blocked': { id: [10, 60], args: { reason: 'shortstr' } },
  'connection.unblocked': { id: [10, 61], args: {} },
  'connection.updateSecret': {
    id: [10, 70],
    args: { newSecret: 'longstr', reason: 'shortstr' },
    reply: ['connection.updateSecretOk'],
  },
  'connection.updateSecretOk': { id: [10, 71], args: {} },

  'channel.open': { id: [20, 10], args: { reserved1: 'shortstr' }, reply: ['channel.openOk'] },
  'channel.openOk': { id: [20, 11], args: { reserved1: 'longstr' } },
  'channel.flow': { id: [20, 20], args: { active: 'bit' }, reply: ['channel.flowOk'] },
  'channel.flowOk': { id: [20, 21], args: { active: 'bit' } },
  'channel.close': {
    id: [20, 40],
    args: { replyCode: 'short', replyText: 'shortstr', classId: 'short', methodId: 'short' },
    reply: ['channel.closeOk'],
  },
  'channel.closeOk': { id: [20, 41], args: {} },

  'exchange.declare': {
    id: [40, 10],
    args: {
      reserved1: 'short',
      exchange: 'shortstr',
      type: 'shortstr',
      passive: 'bit',
      durable: 'bit',
      autoDelete: 'bit',
      internal: 'bit',
      noWait: 'bit',
      arguments: 'table',
    },
    reply: ['exchange.declareOk'],
  },
  'exchange.declareOk': { id: [40, 11], args: {} },
  'exchange.delete': {
    id: [40, 20],
    args: { reserved1: 'short', exchange: 'shortstr', ifUnused: 'bit', noWait: 'bit' },
    reply: ['exchange.deleteOk'],
  },
  'exchange.deleteOk': { id: [40, 21], args: {} },
  'exchange.bind': {
    id: [40, 30],
    args: {
      reserved1: 'short',
      destination: 'shortstr',
      source: 'shortstr',
      routingKey: 'shortstr',
      noWait: 'bit',
      arguments: 'table',
    },
    reply: ['exchange.bindOk'],
  },
  'exchange.bindOk': { id: [40, 31], args: {} },
  'exchange.unbind': {
    id: [40, 40],
    args: {
      reserved1: 'short',
      destination: 'shortstr',
      source: 'shortstr',
      routingKey: 'shortstr',
      noWait: 'bit',
      arguments: 'table',
    },
    reply: ['exchange.unbindOk'],
  },
  // 51, not 41: RabbitMQ's published number, kept for the compatibility of its clients.
  'exchange.unbindOk': { id: [40, 51], args: {} },

  'queue.declare': {
    id: [50, 10],
    args: {
      reserved1: 'short',
      queue: 'shortstr',
      passive: 'bit',
      durable: 'bit',
      exclusive: 'bit',
      autoDelete: 'bit',
      noWait: 'bit',
      arguments: 'table',
    },
    reply: ['queue.declareOk'],
  },
  'queue.declareOk': { id: [50, 11], args: { queue: 'shortstr', messageCount: 'long', consumerCount: 'long' } },
  'queue.bind': {
    id: [50, 20],
    args: {
      reserved1: 'short',
      queue: 'shortstr',
      exchange: 'shortstr',
      routingKey: 'shortstr',
      noWait: 'bit',
      arguments: 'table',
    },
    reply: ['queue.bindOk'],
  },
  'queue.bindOk': { id: [50, 21], args: {} },
  'queue.purge': {
    id: [50, 30],
    args: { reserved1: 'short', queue: 'shortstr', noWait: 'bit' },
    reply: ['queue.purgeOk'],
  },
  'queue.purgeOk': { id: [50, 31], args: { messageCount: 'long' } },
  'queue.delete': {
    id: [50, 40],
    args: { reserved1: 'short', queue: 'shortstr', ifUnused: 'bit', ifEmpty: 'bit', noWait: 'bit' },
    reply: ['queue.deleteOk'],
  },
  'queue.deleteOk': { id: [50, 41], args: { messageCount: 'long' } },
  'queue.unbind': {
    id: [50, 50],
    args: {
      reserved1: 'short',
      queue: 'shortstr',
      exchange: 'shortstr',
      routingKey: 'shortstr',
      arguments: 'table',
    },
    reply: ['queue.unbindOk'],
  },
  'queue.unbindOk': { id: [50, 51], args: {} },

  'basic.qos': {
    id: [60, 10],
    args: { prefetchSize: 'long', prefetchCount: 'short', global: 'bit' },
    reply: ['basic.qosOk'],
  },
  'basic.qosOk': { id: [60, 11], args: {} },
  'basic.consume': {
    id: [60, 20],
    args: {
      reserved1: 'short',
      queue: 'shortstr',
      consumerTag: 'shortstr',
      noLocal: 'bit',
      noAck: 'bit',
      exclusive: 'bit',
      noWait: 'bit',
      arguments: 'table',
    },
    reply: ['basic.consumeOk'],
  },
  'basic.consumeOk': { id: [60, 21], args: { consumerTag: 'shortstr' } },
  'basic.cancel': {
    id: [60, 30],
    args: { consumerTag: 'shortstr', noWait: 'bit' },
    reply: ['basic.cancelOk'],
  },
  'basic.cancelOk': { id: [60, 31], args: { consumerTag: 'shortstr' } },
  'basic.publish': {
    id: [60, 40],
    args: { reserved1: 'short', exchange: 'shortstr', routingKey: 'shortstr', mandatory: 'bit', immediate: 'bit' },
    content: true,
  },
  'basic.return': {
    id: [60, 50],
    args: { replyCode: 'short', replyText: 'shortstr', exchange: 'shortstr', routingKey: 'shortstr' },
    content: true,
  },
  'basic.deliver': {
    id: [60, 60],
    args: {
      consumerTag: 'shortstr',
      deliveryTag: 'longlong',
      redelivered: 'bit',
      exchange: 'shortstr',
      routingKey: 'shortstr',
    },
    content: true,
  },
  'basic.get': {
    id: [60, 70],
    args: { reserved1: 'short', queue: 'shortstr', noAck: 'bit' },
    reply: ['basic.getOk', 'basic.getEmpty'],
  },
  'basic.getOk': {
    id: [60, 71],
    args: {
      deliveryTag: 'longlong',
      redelivered: 'bit',
      exchange: 'shortstr',
      routingKey: 'shortstr',
      messageCount: 'long',
    },
    content: true,
  },
  'basic.getEmpty': { id: [60, 72], args: { reserved1: 'shortstr' } },
  'basic.ack': { id: [60, 80], args: { deliveryTag: 'longlong', multiple: 'bit' } },
  'basic.reject': { id: [60, 90], args: { deliveryTag: 'longlong', requeue: 'bit' } },
  'basic.recoverAsync': { id: [60, 100], args: { requeue: 'bit' } },
  'basic.recover': { id: [60, 110], args: { requeue: 'bit' }, reply: ['basic.recoverOk'] },
  'basic.recoverOk': { id: [60, 111], args: {} },
  'basic.nack': { id: [60, 120], args: { deliveryTag: 'longlong', multiple: 'bit', requeue: 'bit' } },

  'confirm.select': { id: [85, 10], args: { noWait: 'bit' }, reply: ['confirm.selectOk'] },
  'confirm.selectOk': { id: [85, 11], args: {} },

  'tx.select': { id: [90, 10], args: {}, reply: ['tx.selectOk'] },
  'tx.selectOk': { id: [90, 11], args: {} },
  'tx.commit': { id: [90, 20], args: {}, reply: ['tx.commitOk'] },
  'tx.commitOk': { id: [90, 21], args: {} },
  'tx.rollback': { id: [90, 30], args: {}, reply: ['tx.rollbackOk'] },
  'tx.rollbackOk': { id: [90, 31], args: {} },
} as const satisfies Record<string, MethodSpec>;

/** Content properties of class basic, in the order of their flags, from bit 15 on (section 4.2.6.1). */
export const properties = {
  contentType: 'shortstr',
  contentEncoding: 'shortstr',
  headers: 'table',
  deliveryMode: 'octet',
  priority: 'octet',
  correlationId: 'shortstr',
  replyTo: 'shortstr',
  expiration: 'shortstr',
  messageId: 'shortstr',
  timestamp: 'timestamp',
  type: 'shortstr',
  userId: 'shortstr',
  appId: 'shortstr',
  clusterId: 'shortstr',
} as const;

/**
 * Reply codes (section 1.2) by name. `scope` says what the specification closes: the channel for a soft error, the
 * connection for a hard one. The scope of an actual error is in the error itself.
 */
export const replyCodes = {
  CONTENT_TOO_LARGE: { code: 311, scope: 'channel' },
  NO_ROUTE: { code: 312, scope: 'channel' },
  NO_CONSUMERS: { code: 313, scope: 'channel' },
  CONNECTION_FORCED: { code: 320, scope: 'connection' },
  INVALID_PATH: { code: 402, scope: 'connection' },
  ACCESS_REFUSED: { code: 403, scope: 'channel' },
  NOT_FOUND: { code: 404, scope: 'channel' },
  RESOURCE_LOCKED: { code: 405, scope: 'channel' },
  PRECONDITION_FAILED: { code: 406, scope: 'channel' },
  FRAME_ERROR: { code: 501, scope: 'connection' },
  SYNTAX_ERROR: { code: 502, scope: 'connection' },
  COMMAND_INVALID: { code: 503, scope: 'connection' },
  CHANNEL_ERROR: { code: 504, scope: 'connection' },
  UNEXPECTED_FRAME: { code: 505, scope: 'connection' },
  RESOURCE_ERROR: { code: 506, scope: 'connection' },
  NOT_ALLOWED: { code: 530, scope: 'connection' },
  NOT_IMPLEMENTED: { code: 540, scope: 'connection' },
  INTERNAL_ERROR: { code: 541, scope: 'connection' },
} as const;

/** `'NOT_FOUND'`, `'PRECONDITION_FAILED'`, … */
export type ReplyCodeName = keyof typeof replyCodes;

/** The class id of basic, the one class whose methods carry content. */
export const BASIC_CLASS = 60;

/** Frame types (section 4.2.3). */
export const FrameType = { method: 1, header: 2, body: 3, heartbeat: 8 } as const;
/** The octet that ends every frame. */
export const FRAME_END = 0xce;
/** Octets that a frame adds to its payload: type, channel, size and end. */
export const FRAME_OVERHEAD = 8;
/** The smallest frame-max that both peers must accept (section 4.2.3), in bytes. */
export const FRAME_MIN_SIZE = 4096;
/** The protocol header, which a client sends first (section 4.2.2): `AMQP`, 0, 0, 9, 1. */
export const PROTOCOL_HEADER: Uint8Array = Uint8Array.of(0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1);
