/**
 * The entry points of the package, each with the module from which it is built; `index` is the package's own name. An
 * entry follows those whose types it shares: a declaration that two entries export belongs to the first.
 */
export const entries = {
  client: 'lib/client/index',
  broker: 'lib/broker/index',
  index: 'src/index',
  microservices: 'src/microservices/index',
  testing: 'src/testing/index',
  opentelemetry: 'src/opentelemetry/index',
  board: 'src/board/index',
  asyncapi: 'src/asyncapi/index',
};

/** Returns the specifier with which an application imports an entry. */
export const specifierOf = (entry) => (entry === 'index' ? 'nest-amqp' : `nest-amqp/${entry}`);
