/**
 * The specs of test/client, test/microservices and test/nest that run on RabbitMQ only, each with the reason. Paths are relative
 * to test/.
 */
export const notOnEmbedded = {
  'client/a09-returns.spec.ts': 'binds and unbinds while 10,000 publishes are under way: this broker is done before',
  'client/a10-consume-arguments.spec.ts': 'reads a stream',
  'client/a21-tls.spec.ts': 'a RabbitMQ of its own, with certificates',
  'client/b05-blocked.spec.ts': 'a RabbitMQ of its own, with alarms raised by rabbitmqctl',
  'client/b13-queue-arguments.spec.ts': 'reads streams',
  'client/b17-oauth2.spec.ts': 'a RabbitMQ of its own, with the OAuth 2 plugin',
  'client/k6-large-headers.spec.ts': 'headers over the frame-max, which this broker does not send',
  'client/restore-broker.spec.ts': 'kills a RabbitMQ of its own',
  'microservices/broker-kill.spec.ts': 'kills a RabbitMQ of its own',
  'microservices/large-replies.spec.ts': 'a RabbitMQ of its own, which takes small messages only',
  'nest/blocked.spec.ts': 'a RabbitMQ of its own, with alarms raised by rabbitmqctl',
  'nest/board-management.spec.ts': 'a RabbitMQ of its own, with the management plugin',
  'nest/connections.spec.ts': 'asks rabbitmqctl about connections, and has it close one',
  'nest/consumer-timeout.spec.ts': 'a RabbitMQ of its own, with a short consumer_timeout',
  'nest/handover.spec.ts': 'this broker lets the next consumer begin before it requeues what a closed channel had',
  'nest/kill-points.spec.ts': 'kills a RabbitMQ of its own',
  'nest/module.spec.ts': 'restarts a RabbitMQ of its own, and looks for its name in the log',
  'nest/observe.spec.ts': 'a process of its own, as those of shutdown.spec.ts',
  'nest/retry-on-rabbitmq.spec.ts': 'retries from streams, and a user whom rabbitmqctl gives permissions',
  'nest/server-named.spec.ts': 'looks at queues and deletes them with rabbitmqctl',
  'nest/shutdown.spec.ts': 'processes of their own; what it is about is in this one',
  'nest/startup.spec.ts': 'starts a RabbitMQ of its own late',
  'nest/streams.spec.ts': 'reads streams',
  'nest/topology.spec.ts': 'declares streams',
};
