import { isDirectReply, isServerNamed } from '../broker-names.js';

/** Number of different names of one kind that become attribute values. */
const MAX_NAMES = 500;

export const OTHER = '(other)';
const SERVER_NAMED = '(server-named)';
const DIRECT_REPLY = '(direct-reply-to)';

/**
 * Bounds the number of different attribute values, and so the number of time series. A name that the broker has made
 * becomes one constant for all such names. Of all other names the first {@link MAX_NAMES} are kept; later ones become
 * `(other)`.
 */
export class BoundedNames {
  private readonly known = new Set<string>();

  of(name: string): string {
    if (isServerNamed(name)) return SERVER_NAMED;
    if (isDirectReply(name)) return DIRECT_REPLY;
    if (this.known.has(name)) return name;
    if (this.known.size >= MAX_NAMES) return OTHER;
    this.known.add(name);
    return name;
  }
}
