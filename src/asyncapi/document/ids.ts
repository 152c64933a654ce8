/**
 * Names of the objects of one kind. Names of queues and routing keys may have any character; the keys of a document have
 * letters, digits, dots, hyphens and underscores.
 */
export class Ids {
  private readonly owners = new Map<string, string>();

  /** Returns the same id for the same parts, and another for others. Empty parts are left out. */
  of(...parts: readonly string[]): string {
    const owner = JSON.stringify(parts);
    const wanted = parts
      .filter((part) => part !== '')
      .map((part) => part.replaceAll(/[^\w.-]+/g, '_'))
      .join('.');
    for (let number = 1; ; number++) {
      const id = number === 1 ? wanted : `${wanted}-${number}`;
      const other = this.owners.get(id);
      if (other === undefined) this.owners.set(id, owner);
      if (other === undefined || other === owner) return id;
    }
  }
}
