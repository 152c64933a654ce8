import { keyOf, type Entity } from './entity.js';

/** The calls that are under way for each entity of a record. */
export class EntityCalls {
  private readonly deletions = new Map<string, Promise<boolean>>();
  private readonly declarations = new Map<string, Promise<unknown>>();
  private readonly turns = new Map<string, Promise<unknown>>();

  get size(): number {
    return this.deletions.size + this.declarations.size + this.turns.size;
  }

  /** @param declaration a declaration by the user; settles with the broker's answer or its loss, not with a deadline */
  declaring(entity: Entity, declaration: Promise<unknown>): void {
    const declared = Promise.allSettled([this.declarations.get(keyOf(entity)), declaration]);
    this.declarations.set(keyOf(entity), declared);
    void declared.then(() => this.forget(this.declarations, entity, declared));
  }

  /** Resolves when no declaration of this entity by the user is pending. */
  async declarationsOf(entity: Entity): Promise<void> {
    while (this.declarations.has(keyOf(entity))) await this.declarations.get(keyOf(entity));
  }

  /** @param deletion settles with the broker's answer or its loss, not with a deadline */
  deleting(entity: Entity, deletion: Promise<unknown>): void {
    const before = this.deletions.get(keyOf(entity));
    const deleted = deletion.then(
      () => true,
      async () => (await before) ?? false,
    );
    this.deletions.set(keyOf(entity), deleted);
    void deleted.then(() => this.forget(this.deletions, entity, deleted));
  }

  /** Resolves to true if the pending deletion of the entity succeeds. Undefined if none is pending. */
  deletionOf(entity: Entity): Promise<boolean> | undefined {
    return this.deletions.get(keyOf(entity));
  }

  /** Runs restores of one entity one after the other. */
  async inTurn(entity: Entity, restore: () => Promise<void>): Promise<void> {
    const turn = Promise.allSettled([this.turns.get(keyOf(entity))]).then(restore);
    this.turns.set(keyOf(entity), turn);
    try {
      await turn;
    } finally {
      this.forget(this.turns, entity, turn);
    }
  }

  /** Returns true if a restore of the entity runs or waits for its turn. */
  isRestoring(entity: Entity): boolean {
    return this.turns.has(keyOf(entity));
  }

  private forget<P>(calls: Map<string, P>, entity: Entity, call: P): void {
    const key = keyOf(entity);
    if (calls.get(key) === call) calls.delete(key);
  }
}
