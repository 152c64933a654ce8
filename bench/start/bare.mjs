/**
 * The broker's own time: `node bare.mjs <port> <consumers> quorum|classic <channels>` declares the queues and consumes from them
 * without a library. All declarations are one write, divided among so many channels; then channel.open, basic.qos and
 * basic.consume of all consumers are one write, with a channel each. Prints the same as `boot.mjs`, and the seconds until
 * all queues were declared.
 */
import { connect } from 'node:net';
import { queueNames } from './names.mjs';

const [port, count, type, channels] = process.argv.slice(2);
const names = queueNames(Number(count));
const declaring = Number(channels);

const short = (text) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
const uint16 = (value) => Buffer.from([value >> 8, value & 255]);
const uint32 = (value) => Buffer.concat([uint16(value >>> 16), uint16(value & 65_535)]);
const long = (bytes) => Buffer.concat([uint32(bytes.length), Buffer.from(bytes)]);
const NO_FLAGS = Buffer.from([0]);
const DURABLE = Buffer.from([2]);
const NO_TABLE = long([]);
const TYPE = long(Buffer.concat([short('x-queue-type'), Buffer.from('S'), long(type)]));

/** Returns the frame of a method. @param id class and method, as in the specification */
function method(channel, id, ...args) {
  const payload = Buffer.concat([...id.map(uint16), ...args]);
  return Buffer.concat([Buffer.from([1]), uint16(channel), uint32(payload.length), payload, Buffer.from([0xce])]);
}

const openChannel = (channel) => method(channel, [20, 10], short(''));
const declare = (channel, name) => method(channel, [50, 10], uint16(0), short(name), DURABLE, TYPE);
const qos = (channel) => method(channel, [60, 10], uint32(0), uint16(10), NO_FLAGS);
const consume = (channel, name) => method(channel, [60, 20], uint16(0), short(name), short(''), NO_FLAGS, NO_TABLE);

const HANDSHAKE = {
  '10,10': () => method(0, [10, 11], NO_TABLE, short('PLAIN'), long('\0guest\0guest'), short('en_US')),
  '10,30': () =>
    Buffer.concat([
      method(0, [10, 31], uint16(2_047), uint32(131_072), uint16(0)),
      method(0, [10, 40], short('/'), short(''), NO_FLAGS),
    ]),
};
const CLOSES = new Set(['10,50', '20,40']);

const begin = performance.now();
const cpu = process.cpuUsage();
const socket = connect(Number(port), '127.0.0.1').setNoDelay(true);
/** Answers so far, by class and method. */
const answers = new Map();
let waiting;

let rest = Buffer.alloc(0);
socket.on('data', (bytes) => {
  rest = Buffer.concat([rest, bytes]);
  while (rest.length >= 8 && rest.length >= rest.readUInt32BE(3) + 8) {
    const end = rest.readUInt32BE(3) + 8;
    if (rest[0] === 1) onMethod(`${rest.readUInt16BE(7)},${rest.readUInt16BE(9)}`, rest.subarray(11, end - 1));
    rest = rest.subarray(end);
  }
});

function onMethod(id, args) {
  if (CLOSES.has(id)) throw new Error(`the broker refuses: ${args.toString('latin1')}`);
  if (HANDSHAKE[id]) socket.write(HANDSHAKE[id]());
  answers.set(id, (answers.get(id) ?? 0) + 1);
  if (waiting && answers.get(waiting.id) === waiting.count) waiting.resolve();
}

/** Resolves when the broker has answered so often. */
function answered(id, count) {
  return new Promise((resolve) => (waiting = { id, count, resolve }));
}

socket.write(Buffer.from('AMQP\0\0\x09\x01', 'latin1'));
await answered('10,41', 1);
const numbers = Array.from({ length: declaring }, (_, index) => index + 1);
const declarations = names.map((name, index) => declare(numbers[index % declaring], name));
socket.write(Buffer.concat([...numbers.map(openChannel), ...declarations]));
await answered('50,11', names.length);
const declared = (performance.now() - begin) / 1_000;
const consumers = names.flatMap((name, index) => {
  const channel = declaring + 1 + index;
  return [openChannel(channel), qos(channel), consume(channel, name)];
});
socket.write(Buffer.concat(consumers));
await answered('60,21', names.length);
const seconds = (performance.now() - begin) / 1_000;
const { user, system } = process.cpuUsage(cpu);
console.log(JSON.stringify({ seconds, declared, cpu: (user + system) / 1_000_000 }));
socket.destroy();
