'use strict';

const { getConnection } = require('./rabbit');

const QUEUE = 'thumbnails';

async function enqueue(job) {
  const connection = await getConnection();
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue(QUEUE, { durable: true });
  channel.sendToQueue(QUEUE, Buffer.from(JSON.stringify(job)), { persistent: true });
  await channel.waitForConfirms();
  await channel.close();
}

module.exports = { enqueue, QUEUE };
