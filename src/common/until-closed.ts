/** Something that tells when it is closed for good. */
interface Closing {
  /** Never rejects. */
  readonly closed: Promise<unknown>;
}

/** The channel, connection or consumer that is in use. It is forgotten when it has closed, so that the next use makes another. */
export class UntilClosed<T extends Closing> {
  private current: T | undefined;

  /** Undefined when none is in use. */
  get value(): T | undefined {
    return this.current;
  }

  /** From here on it is in use. */
  use(made: T): T {
    this.current = made;
    void made.closed.then(() => {
      if (this.current === made) this.forget();
    });
    return made;
  }

  /** From here on none is in use, though it may not have closed yet. */
  forget(): void {
    this.current = undefined;
  }
}
