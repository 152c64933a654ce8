/**
 * The broker that the clients are measured against, in a process of its own: it swallows publishes, confirms them with
 * `multiple` once per chunk that it reads, and floods consumers with deliveries. What is left is the client's cost.
 *
 *     node sink/main.mjs '<behaviour as JSON>'      started by the benchmark; ends with it
 */
import net from 'node:net';
import { Peer } from './peer.mjs';

const behaviour = JSON.parse(process.argv[2]);
const server = net.createServer((socket) => new Peer(socket, behaviour));
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('disconnect', () => process.exit());
