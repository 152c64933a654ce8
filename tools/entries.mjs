/**
 * The entry points of the package, each with the module that it is built from; `index` is the package's own name. An
 * entry stands below those that share its types: what two of them export belongs to the first.
 */
export const entries = {
  client: 'lib/client/index',
  broker: 'lib/broker/index',
  index: 'src/index',
  microservices: 'src/microservices/index',
  testing: 'src/testing/index',
};

/** What an application imports to reach an entry. */
export const specifierOf = (entry) => (entry === 'index' ? 'nest-amqp' : `nest-amqp/${entry}`);
