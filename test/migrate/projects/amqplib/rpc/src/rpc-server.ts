import amqp from 'amqplib';

export async function startServer(url: string, queue: string, answer: (n: number) => number) {
  const connection = await amqp.connect(url);
  const channel = await connection.createChannel();
  await channel.assertQueue(queue, { durable: false, messageTtl: 30_000 });
  await channel.prefetch(1);

  await channel.consume(queue, (request) => {
    if (!request) return;
    const n = parseInt(request.content.toString(), 10);
    channel.sendToQueue(request.properties.replyTo as string, Buffer.from(answer(n).toString()), {
      correlationId: request.properties.correlationId,
    });
    channel.ack(request);
  });

  return () => connection.close();
}
