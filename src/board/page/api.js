/** Requests to the board, at addresses relative to this file. */

const address = (path, query = {}) => {
  const url = new URL(`api/${path}`, import.meta.url);
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== '') url.searchParams.set(name, value);
  return url;
};

async function resultOf(response) {
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const reason = answer.error ?? answer.message ?? response.statusText;
  throw new Error(
    response.status === 401 || response.status === 403 ? `You may not do this: ${reason}` : String(reason),
  );
}

export const read = async (path, query, signal) => resultOf(await fetch(address(path, query), { signal }));

export const change = async (what, body) =>
  resultOf(
    await fetch(address(what), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-nest-amqp-board': '1' },
      body: JSON.stringify(body),
    }),
  );

/**
 * Follows the event stream. A hidden page leaves it, since a browser has few connections for one server.
 *
 * @param on listeners: `snapshot`, `failures`, `topology`, and `live` with true or false
 */
export function follow(on) {
  let stream;
  const close = () => {
    stream?.close();
    stream = undefined;
  };
  const open = () => {
    if (stream || document.hidden) return;
    stream = new EventSource(address('events'));
    let last = {};
    // A change has the parts of the snapshot that differ from the one before.
    for (const [name, base] of [
      ['snapshot', () => ({})],
      ['change', () => last],
    ])
      stream.addEventListener(name, (event) => {
        on.live(true);
        on.snapshot((last = { ...base(), ...JSON.parse(event.data) }));
      });
    for (const name of ['failures', 'topology'])
      stream.addEventListener(name, (event) => on[name](JSON.parse(event.data)));
    stream.addEventListener('error', () => {
      on.live(false);
      // The browser gives up after an answer that is no stream, such as that of a proxy while the application restarts.
      if (stream?.readyState !== EventSource.CLOSED) return;
      close();
      setTimeout(open, 2_000);
    });
  };
  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
  addEventListener('pagehide', close);
  open();
}
