/** Numbers, times and sizes as text, in the language of the browser. */

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

export const NOTHING = '–';

export const number = (value) => (value === undefined ? NOTHING : whole.format(value));

export const rate = (value) => (value === 0 || value >= 10 ? whole.format(value) : fine.format(value));

export function duration(ms) {
  if (ms === undefined) return NOTHING;
  if (ms < 1) return `${fine.format(ms)} ms`;
  if (ms < 1_000) return `${whole.format(ms)} ms`;
  if (ms < 60_000) return `${fine.format(ms / 1_000)} s`;
  return `${fine.format(ms / 60_000)} min`;
}

export function size(bytes) {
  if (bytes < 1_024) return `${bytes} B`;
  return bytes < 1_048_576 ? `${fine.format(bytes / 1_024)} KB` : `${fine.format(bytes / 1_048_576)} MB`;
}

export const time = (at) => (at === undefined ? NOTHING : clock.format(at));

/** How long ago it was, in one unit. */
export function ago(at, now) {
  if (at === undefined) return NOTHING;
  const seconds = Math.max(0, Math.round((now - at) / 1_000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3_600)} h ago` : `${Math.floor(seconds / 86_400)} d ago`;
}

/** `1 message`, `2 messages` */
export const counted = (count, one, many = `${one}s`) => `${whole.format(count)} ${count === 1 ? one : many}`;
