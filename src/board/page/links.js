/** The address of the parked messages of a queue. Names may have any characters. */
export const parkedLink = (connection, queue) =>
  `#/parked/${encodeURIComponent(connection)}/${encodeURIComponent(queue)}`;

/** Reads the address of the page: the overview, or `{ connection, queue }`. */
export function place() {
  const [, connection, queue] = /^#\/parked\/([^/]+)\/([^/]+)$/.exec(location.hash) ?? [];
  if (queue === undefined) return undefined;
  try {
    return { connection: decodeURIComponent(connection), queue: decodeURIComponent(queue) };
  } catch {
    return undefined;
  }
}
