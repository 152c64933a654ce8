import { inspect, isDeepStrictEqual } from 'node:util';
import { ByteReader, ByteWriter } from '../../lib/protocol/bytes.js';
import { EncodingError, WireError } from '../../lib/protocol/errors.js';
import { readTable, writeTable } from '../../lib/protocol/field-table.js';
import { readProperties, writeProperties } from '../../lib/protocol/properties.js';
import { Receiver, type Arrival } from '../../lib/protocol/receiver.arbitraries.js';
import { FrameType } from '../../lib/protocol/spec.js';
import { recordings } from './corpus.js';
import { frameStarts } from './mutations.js';
import type { FuzzTarget } from './target.js';

const FRAME_MAX = 4_096;
/** The size in bytes of the protocol header, which a client sends before the first frame. */
const PROTOCOL_HEADER_SIZE = 8;

function streams(): Buffer[] {
  return [...recordings('broker'), ...recordings('client').map((bytes) => bytes.subarray(PROTOCOL_HEADER_SIZE))];
}

/** Cuts a stream into parts of 300 bytes or more between methods. Longer inputs would slow the fuzzer down. */
function segments(stream: Buffer): Buffer[] {
  const methods = frameStarts(stream).filter((at) => stream[at] === FrameType.method);
  const cuts = methods.filter((at, index) => at - (methods[index - 1] ?? 0) >= 300);
  return [0, ...cuts].map((start, index) => stream.subarray(start, cuts[index] ?? stream.length));
}

interface Outcome {
  readonly arrivals: readonly Arrival[];
  readonly error: string | undefined;
}

/** Reads frames, methods, content and properties, as a peer does. */
function receive(chunks: readonly Buffer[]): Outcome {
  const receiver = new Receiver(FRAME_MAX, 10_000);
  try {
    receiver.push(...chunks);
    return { arrivals: receiver.arrivals, error: undefined };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return { arrivals: receiver.arrivals, error: error.message };
  }
}

/** Prints an outcome for comparison: to Node, no invalid Date equals another. */
function printed(outcome: Outcome): string {
  return inspect(outcome, { depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity });
}

/** Any bytes are frames or a WireError, independent of their split. The reader returns no more bytes than it got. */
function frames(): FuzzTarget {
  return {
    name: 'frames',
    corpus: streams().flatMap(segments),
    run(chunks) {
      const whole = Buffer.concat(chunks);
      const [parts, once] = [receive(chunks), receive([whole])];
      if (!isDeepStrictEqual(parts, once) && printed(parts) !== printed(once))
        throw new Error('another outcome than in one piece');
      let size = 0;
      for (const { body } of once.arrivals) size += Buffer.isBuffer(body) ? body.length : 0;
      if (size > whole.length) throw new Error(`${size} bytes of bodies out of ${whole.length} bytes`);
    },
  };
}

/** Writes each value that was read, reads it again, and compares the values and the bytes of two writes. */
function roundTrip<T>(
  name: string,
  corpus: Buffer[],
  read: (reader: ByteReader) => T,
  write: (writer: ByteWriter, value: T) => void,
  /** Returns whether there is only one way to write the value, so that it has to be written as it was read. */
  exact: (value: T) => boolean = () => false,
): FuzzTarget {
  const encode = (value: T): Buffer => {
    const writer = new ByteWriter();
    write(writer, value);
    return Buffer.from(writer.view());
  };
  return {
    name,
    corpus,
    run(chunks) {
      const bytes = Buffer.concat(chunks);
      let value: T;
      let written: Buffer;
      try {
        value = read(new ByteReader(bytes));
        written = encode(value);
      } catch (error) {
        if (error instanceof WireError) return;
        // A peer may send NaN and the infinities. We may not, and RabbitMQ refuses them, too.
        if (error instanceof EncodingError && /(NaN|Infinity), which AMQP peers cannot read/.test(error.message))
          return;
        throw error;
      }
      if (exact(value) && !written.equals(bytes)) throw new Error(`written as ${written.toString('hex')}`);
      const again = encode(read(new ByteReader(written)));
      if (!again.equals(written))
        throw new Error(`written as ${written.toString('hex')}, then ${again.toString('hex')}`);
    },
  };
}

/** Returns every table and every section of properties of the recordings. */
function parts(): { tables: Buffer[]; sections: Buffer[] } {
  const [tables, sections]: [Buffer[], Buffer[]] = [[], []];
  for (const stream of streams()) {
    for (const { method, properties } of receive([stream]).arrivals) {
      const args: readonly unknown[] = Object.values(method?.args ?? {});
      for (const table of [...args.filter(isTable), ...(properties?.headers ? [properties.headers] : [])]) {
        tables.push(encoded((writer) => writeTable(writer, table)));
      }
      if (properties) sections.push(encoded((writer) => writeProperties(writer, properties)));
    }
  }
  return { tables, sections };
}

function isTable(value: unknown): value is Parameters<typeof writeTable>[1] {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
}

function encoded(write: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter();
  write(writer);
  return Buffer.from(writer.view());
}

/** The targets of `npm run fuzz`. */
export function protocolTargets(): FuzzTarget[] {
  const { tables, sections } = parts();
  return [
    frames(),
    roundTrip('tables', tables, (reader) => readTable(reader), writeTable),
    // A header's value may be written in another type that holds it.
    roundTrip('properties', sections, readProperties, writeProperties, ({ headers }) => headers === undefined),
  ];
}
