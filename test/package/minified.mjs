/** Runs in a bundled and minified application: errors keep their names, and the core works. */
import * as broker from 'nest-amqp/broker';
import * as client from 'nest-amqp/client';

const errors = Object.entries(client).filter(([, value]) => value.prototype instanceof Error);
if (errors.length === 0) throw new Error('no error classes');
for (const [name, { prototype }] of errors)
  if (prototype.name !== name) throw new Error(`${name} is ${prototype.name}`);

const embedded = await broker.EmbeddedBroker.start({ port: 0 });
const connection = await client.connect(embedded.url);
const channel = await connection.openChannel();
const refused = await channel.queueDeclare('missing', { passive: true }).catch((error) => error);
await connection.close();
await embedded.close();
if (!(refused instanceof client.NotFoundError) || !refused.stack.startsWith('NotFoundError: ')) {
  throw new Error(refused.stack);
}
