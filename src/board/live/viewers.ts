import { Buffer } from 'node:buffer';
import type { ServerResponse } from 'node:http';
import type { Clock } from '../../../lib/environment/index.js';
import { FieldLogger } from '../../common/field-logger.js';
import { describeError } from '../../common/log-text.js';
import { BoardRequestError } from '../board.errors.js';
import type { ShownFailure } from './recent-failures.js';

/** Ms between two snapshots. */
const EVERY = 1_000;
const MAX_VIEWERS = 100;

/** The source of the events for viewers. */
export interface Show {
  /** The first viewer came. */
  begin(): void;
  /** The last viewer left. */
  end(): void;
  snapshot(): object;
  /** The same object until it changes. */
  topology(): object;
  /** Returns the failures after that number. */
  failuresAfter(number: number): readonly ShownFailure[];
}

/** A page with an open event stream. */
interface Viewer {
  readonly response: ServerResponse;
  /** The tick of the last snapshot that it got; undefined before the first. */
  tick: number | undefined;
  /** Number of the last failure that it got. */
  lastFailure: number;
  /** The topology that it has. */
  topology: object | undefined;
}

/**
 * The open event streams (https://html.spec.whatwg.org/multipage/server-sent-events.html). Once a second one snapshot is
 * made and serialised for all of them; without viewers nothing runs. Who got the snapshot before gets the parts of it that have
 * changed, since most consumers of most applications are idle. A viewer whose buffer is full misses snapshots.
 */
export class Viewers {
  private readonly logger = new FieldLogger('AmqpBoard');
  private readonly viewers = new Set<Viewer>();
  private cancel: (() => void) | undefined;
  private ended = false;
  /** Number of snapshots that were made for all viewers, and the last one of them. */
  private tick = 0;
  private parts: Parts = new Map();

  constructor(
    private readonly clock: Pick<Clock, 'after'>,
    private readonly show: Show,
  ) {}

  get count(): number {
    return this.viewers.size;
  }

  /** Sends events until the client leaves. @throws BoardRequestError if there are too many viewers */
  add(response: ServerResponse): void {
    if (this.ended) throw new BoardRequestError(503, 'The application is shutting down.');
    if (this.viewers.size >= MAX_VIEWERS) throw new BoardRequestError(503, `${MAX_VIEWERS} pages are open already.`);
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store, no-transform' });
    const viewer: Viewer = { response, tick: undefined, lastFailure: 0, topology: undefined };
    this.viewers.add(viewer);
    response.once('close', () => this.remove(viewer));
    if (this.viewers.size === 1) this.show.begin();
    this.tell([viewer], wholeEvent(partsOf(this.show.snapshot())));
    this.cancel ??= this.plan();
  }

  /** Ends all streams, so that the HTTP server can close. */
  end(): void {
    this.ended = true;
    for (const viewer of [...this.viewers]) {
      viewer.response.end();
      this.remove(viewer);
    }
  }

  private remove(viewer: Viewer): void {
    if (!this.viewers.delete(viewer) || this.viewers.size > 0) return;
    this.cancel?.();
    this.cancel = undefined;
    this.show.end();
  }

  private plan(): () => void {
    return this.clock.after(
      EVERY,
      () => {
        this.cancel = this.plan();
        // The application must not end because its board fails.
        try {
          this.tellAll();
        } catch (error) {
          this.logger.error(`No snapshot could be made: ${describeError(error)}`);
        }
      },
      { keepAlive: false },
    );
  }

  private tellAll(): void {
    const reading = [...this.viewers].filter(({ response }) => !response.writableNeedDrain);
    if (reading.length === 0) return;
    const [before, parts] = [this.parts, partsOf(this.show.snapshot())];
    this.parts = parts;
    const last = this.tick++;
    const followed = reading.filter(({ tick }) => tick === last);
    for (const viewer of reading) viewer.tick = this.tick;
    if (followed.length > 0) {
      const changed = new Map([...parts].filter(([name, json]) => before.get(name) !== json));
      this.tell(followed, eventOf('change', jsonOf(changed)));
    }
    if (followed.length === reading.length) return;
    this.tell(
      reading.filter((viewer) => !followed.includes(viewer)),
      wholeEvent(parts),
    );
  }

  private tell(viewers: readonly Viewer[], snapshot: Buffer): void {
    const topology = this.show.topology();
    const isKnown = viewers.every((viewer) => viewer.topology === topology);
    const drawing = isKnown ? undefined : eventOf('topology', JSON.stringify(topology));
    for (const viewer of viewers) {
      const failures = this.show.failuresAfter(viewer.lastFailure);
      viewer.lastFailure = failures.at(-1)?.number ?? viewer.lastFailure;
      if (drawing && viewer.topology !== topology) viewer.response.write(drawing);
      viewer.topology = topology;
      // The page draws at a snapshot: its counters and its list of failures must tell the same.
      if (failures.length > 0) viewer.response.write(eventOf('failures', JSON.stringify(failures)));
      viewer.response.write(snapshot);
    }
  }
}

/** The JSON of each part of a snapshot. */
type Parts = ReadonlyMap<string, string>;

function partsOf(snapshot: object): Parts {
  const there = Object.entries(snapshot).filter(([, part]) => part !== undefined);
  return new Map(there.map(([name, part]) => [name, JSON.stringify(part)]));
}

const jsonOf = (parts: Parts): string => `{${[...parts].map(([name, json]) => `"${name}":${json}`).join(',')}}`;

const wholeEvent = (parts: Parts): Buffer => eventOf('snapshot', jsonOf(parts));

/** Returns an event as bytes. JSON has no line breaks, so it fits into one `data` line. */
const eventOf = (name: string, json: string): Buffer => Buffer.from(`event: ${name}\ndata: ${json}\n\n`);
