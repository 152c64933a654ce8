/** @internal In publish options: what the promise of the publish settles with. */
export const OUTCOME: unique symbol = Symbol('outcome');

/** Options of a publish whose caller makes its outcome. */
export interface OutcomeOption {
  readonly [OUTCOME]?: PublishOutcome | undefined;
}

/**
 * The outcome of one publish, in the caller's form. A `then` would do the same, for another promise and another microtask.
 * It is told while the client processes a chunk of the socket, and must not throw.
 */
export interface PublishOutcome {
  /** Returns the value of the promise. @param deliveryTag 0 on a channel without confirms */
  confirmed(deliveryTag: number): unknown;
  /** Called with the error of the promise, unless the publish was refused at once. */
  failed(error: unknown): void;
}

/** Settles with the outcome when the publish has settled. */
export function outcomeOf(publish: Promise<number>, outcome: PublishOutcome): Promise<unknown> {
  return publish.then(
    (deliveryTag) => outcome.confirmed(deliveryTag),
    (error: unknown) => {
      outcome.failed(error);
      throw error;
    },
  );
}
