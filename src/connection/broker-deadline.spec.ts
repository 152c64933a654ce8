import { describe, expect, it } from '@jest/globals';
import { TimeoutError } from '../../lib/client/index.js';
import { systemClock } from '../../lib/environment/index.js';
import { withinDeadline } from './broker-deadline.js';
import { ConnectionStatus } from './connection-status.js';

/** Connections in these states. */
function connectionsWith(consuming: Parameters<ConnectionStatus['set']>, publishing: typeof consuming) {
  const made = { name: 'shop', environment: { clock: systemClock }, consuming: new ConnectionStatus() };
  const connections = { ...made, publishing: new ConnectionStatus() };
  connections.consuming.set(...consuming);
  connections.publishing.set(...publishing);
  return connections;
}

describe('withinDeadline', () => {
  it.each([
    [['reconnecting', 'ECONNRESET'], ['open'], "the consuming connection 'shop' is reconnecting (ECONNRESET)"],
    [['connecting'], ['connecting'], "the consuming connection 'shop' is connecting"],
    [['open'], ['blocked', 'low on disk'], "the publishing connection 'shop' is blocked (low on disk)"],
    [['open'], ['open'], "the broker has not answered on connection 'shop'"],
  ] as const)('tells which connection does not work, and why: %j, %j', async (consuming, publishing, reason) => {
    const connections = connectionsWith([...consuming], [...publishing]);
    let given: AbortSignal | undefined;
    const late = withinDeadline('the call', connections, { timeout: 1 }, (signal) => {
      given = signal;
      return new Promise(() => {});
    });
    await expect(late).rejects.toThrow(new TimeoutError(`the call: ${reason}, for 1 ms (timeout)`));
    await expect(late).rejects.toBeInstanceOf(TimeoutError);
    expect(given?.aborted).toBe(true);
  });

  it('gives the result or the error of the work, and begins none when the signal is aborted already', async () => {
    const connections = connectionsWith(['open'], ['open']);
    const { signal } = new AbortController();
    expect(await withinDeadline('the call', connections, { signal }, () => Promise.resolve(1))).toBe(1);
    const failed = withinDeadline('the call', connections, {}, () => Promise.reject(new Error('its own')));
    await expect(failed).rejects.toThrow('its own');
    const begun = (): never => {
      throw new Error('begun');
    };
    const aborted = AbortSignal.abort(new Error('never mind'));
    await expect(withinDeadline('the call', connections, { signal: aborted }, begun)).rejects.toThrow('never mind');
    const wrong = withinDeadline('the call', connections, { timeout: -1 }, begun);
    await expect(wrong).rejects.toThrow('the call: timeout must be milliseconds from 0');
  });
});
