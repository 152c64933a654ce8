import { connect } from 'amqplib';
import { TaskConsumer } from './task-consumer';
import { TaskPublisher } from './task-publisher';
import { declareTopology, FAILED } from './topology';

export async function startApp(url: string, handle: (task: any) => Promise<void>) {
  const connection = await connect(url);
  const channel = await connection.createConfirmChannel();
  await declareTopology(channel);
  await new TaskConsumer(channel, handle).start();
  return {
    publisher: new TaskPublisher(channel),
    failed: async () => (await channel.checkQueue(FAILED)).messageCount,
    forget: async () => {
      await channel.purgeQueue(FAILED);
    },
    stop: async () => {
      await channel.close();
      await connection.close();
    },
  };
}
