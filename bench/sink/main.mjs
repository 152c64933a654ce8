/**
 * The broker against which the clients are measured, in a process of its own. It discards publishes, confirms them with
 * `multiple` once per chunk that it reads, and floods consumers with deliveries. The remaining cost is the client's.
 *
 *     node sink/main.mjs '<behaviour as JSON>'      started by the benchmark; ends with it
 */
import net from 'node:net';
import { Peer } from './peer.mjs';

const behaviour = JSON.parse(process.argv[2]);
const server = net.createServer((socket) => new Peer(socket, behaviour));
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('disconnect', () => process.exit());
