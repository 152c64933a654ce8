/** Mutations of recorded bytes. The random numbers determine them: the same seed gives the same bytes. */

/** Returns a number from 0 to 1, as `seededRandom()` does. */
export type Random = () => number;

type Mutation = (bytes: Buffer, random: Random, corpus: readonly Buffer[]) => Buffer;

const pick = (random: Random, limit: number): number => Math.floor(random() * limit);

/** Values that code for lengths and counts often gets wrong. */
const EDGES = [0, 1, 2, 7, 8, 0x7f, 0x80, 0xfe, 0xff, 0xce];

const MUTATIONS: readonly Mutation[] = [
  function flipBit(bytes, random) {
    const at = pick(random, bytes.length);
    const mutated = Buffer.from(bytes);
    mutated[at]! ^= 1 << pick(random, 8);
    return mutated;
  },
  function replaceByte(bytes, random) {
    const mutated = Buffer.from(bytes);
    mutated[pick(random, bytes.length)] = random() < 0.5 ? EDGES[pick(random, EDGES.length)]! : pick(random, 256);
    return mutated;
  },
  function replaceLength(bytes, random) {
    if (bytes.length < 4) return bytes;
    const mutated = Buffer.from(bytes);
    const value = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, bytes.length, 4096, 131_072][pick(random, 8)]!;
    mutated.writeUInt32BE(value, pick(random, bytes.length - 3));
    return mutated;
  },
  function truncate(bytes, random) {
    return bytes.subarray(0, pick(random, bytes.length));
  },
  function remove(bytes, random) {
    const [start, end] = range(bytes, random);
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
  },
  function repeat(bytes, random) {
    const [start, end] = range(bytes, random);
    return Buffer.concat([bytes.subarray(0, end), bytes.subarray(start)]);
  },
  function insert(bytes, random) {
    const at = pick(random, bytes.length + 1);
    const junk = Buffer.from(Array.from({ length: 1 + pick(random, 16) }, () => pick(random, 256)));
    return Buffer.concat([bytes.subarray(0, at), junk, bytes.subarray(at)]);
  },
  function splice(bytes, random, corpus) {
    const other = corpus[pick(random, corpus.length)]!;
    const [start, end] = range(other, random);
    const at = pick(random, bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), other.subarray(start, end), bytes.subarray(at)]);
  },
  // The next two mutations keep frames whole, so that the code behind the frame reader gets wrong content, too.
  function resizeFrame(bytes, random) {
    const starts = frameStarts(bytes);
    if (starts.length === 0) return bytes;
    const at = starts[pick(random, starts.length)]!;
    const size = bytes.readUInt32BE(at + 3);
    const kept = pick(random, size + 1);
    const mutated = Buffer.concat([bytes.subarray(0, at + 7 + kept), bytes.subarray(at + 7 + size)]);
    mutated.writeUInt32BE(kept, at + 3);
    return mutated;
  },
  function moveFrame(bytes, random) {
    const starts = frameStarts(bytes);
    if (starts.length < 2) return bytes;
    const [from, to] = [starts[pick(random, starts.length)]!, starts[pick(random, starts.length)]!];
    const frame = bytes.subarray(from, from + 8 + bytes.readUInt32BE(from + 3));
    return Buffer.concat([bytes.subarray(0, to), frame, bytes.subarray(to)]);
  },
  function crossOver(bytes, random, corpus) {
    const other = corpus[pick(random, corpus.length)]!;
    return Buffer.concat([
      bytes.subarray(0, pick(random, bytes.length + 1)),
      other.subarray(pick(random, other.length + 1)),
    ]);
  },
];

/** Returns the offsets of AMQP frames, from the start or from behind a protocol header up to the first broken frame. */
export function frameStarts(bytes: Buffer): number[] {
  const starts: number[] = [];
  let at = bytes.subarray(0, 4).toString('latin1') === 'AMQP' ? 8 : 0;
  while (at + 8 <= bytes.length) {
    const end = at + 8 + bytes.readUInt32BE(at + 3);
    if (end > bytes.length || bytes[end - 1] !== 0xce) break;
    starts.push(at);
    at = end;
  }
  return starts;
}

/** Returns a range of the bytes, which is seldom long. */
function range(bytes: Buffer, random: Random): [start: number, end: number] {
  const start = pick(random, bytes.length);
  return [start, Math.min(bytes.length, start + 1 + pick(random, random() < 0.8 ? 32 : bytes.length))];
}

/** Returns an item of the corpus with up to four mutations. Without any, only the split is new. */
export function mutate(corpus: readonly Buffer[], random: Random): Buffer {
  let bytes = corpus[pick(random, corpus.length)]!;
  for (let times = pick(random, 5); times > 0 && bytes.length > 0; times--) {
    bytes = MUTATIONS[pick(random, MUTATIONS.length)]!(bytes, random, corpus);
  }
  return bytes;
}

/** Splits the bytes as a socket may bring them: in one piece, in two, in a few, or one by one. */
export function split(bytes: Buffer, random: Random): Buffer[] {
  const kind = random();
  if (kind < 0.1 || bytes.length === 0) return [bytes];
  if (kind < 0.15 && bytes.length < 2_000) return Array.from(bytes, (byte) => Buffer.of(byte));
  const pieces = kind < 0.5 ? 1 : 1 + pick(random, 8);
  const cuts = Array.from({ length: pieces }, () => pick(random, bytes.length + 1)).sort((a, b) => a - b);
  return [...cuts, bytes.length].map((end, index) => bytes.subarray(index === 0 ? 0 : cuts[index - 1], end));
}
