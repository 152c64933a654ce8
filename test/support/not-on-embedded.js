/** Specs of test/client, test/microservices and test/nest that do not run on the embedded broker as well, and why. Paths below test/. */
export const notOnEmbedded = {
  'client/a09-returns.spec.ts': 'binds and unbinds while 10,000 publishes are under way: this broker is done before',
  'client/a10-consume-arguments.spec.ts': 'reads a stream',
  'client/a21-tls.spec.ts': 'a RabbitMQ of its own, with certificates',
  'client/b05-blocked.spec.ts': 'a RabbitMQ of its own, with alarms raised by rabbitmqctl',
  'client/b13-queue-arguments.spec.ts': 'reads streams',
  'client/restore-broker.spec.ts': 'kills a RabbitMQ of its own',
  'microservices/broker-kill.spec.ts': 'kills a RabbitMQ of its own',
  'nest/connections.spec.ts': 'asks rabbitmqctl about connections, and has it close one',
  'nest/kill-points.spec.ts': 'kills a RabbitMQ of its own',
  'nest/module.spec.ts': 'restarts a RabbitMQ of its own, and looks for its name in the log',
  'nest/retry.spec.ts': 'retries from streams',
  'nest/server-named.spec.ts': 'looks at queues and deletes them with rabbitmqctl',
  'nest/shutdown.spec.ts': 'processes of their own; what it is about is in this one',
  'nest/startup.spec.ts': 'starts a RabbitMQ of its own late',
  'nest/streams.spec.ts': 'reads streams',
  'nest/topology.spec.ts': 'declares streams',
};
