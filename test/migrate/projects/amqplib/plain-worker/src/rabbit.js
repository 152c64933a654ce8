'use strict';

// One connection for the process.
const amqp = require('amqplib');

let connection = null;

async function getConnection() {
  if (!connection) {
    connection = await amqp.connect(process.env.AMQP_URL || 'amqp://localhost', {
      clientProperties: { connection_name: 'thumbnails' },
    });
    connection.on('close', () => {
      connection = null;
    });
  }
  return connection;
}

async function closeConnection() {
  if (connection) await connection.close();
}

module.exports = { getConnection, closeConnection };
