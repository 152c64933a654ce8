/** Text that takes the place of a range. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  /** Evaluated when the file is printed, so that it may contain the edited text of what is inside the range. */
  readonly text: () => string;
}

/**
 * Edits of one text. An edit inside the range of another one takes effect where the outer edit prints that range, by
 * {@link print}; two that overlap without one being inside the other are an error.
 */
export class Edits {
  private readonly all: Edit[] = [];
  /** The edits that are being printed at the moment, outermost first. */
  private readonly open: Edit[] = [];

  constructor(private readonly original: string) {}

  get isEmpty(): boolean {
    return this.all.length === 0;
  }

  add(edit: Edit): void {
    this.all.push(edit);
  }

  /** @returns the text of a range, with the edits inside it */
  print(start = 0, end = this.original.length): string {
    const inside = this.all
      .filter((edit) => edit.start >= start && edit.end <= end && !this.open.includes(edit))
      .sort((a, b) => a.start - b.start || Number(isInsertion(b)) - Number(isInsertion(a)) || b.end - a.end);
    let printed = '';
    let at = start;
    for (const edit of inside) {
      // Inside the one before, which prints it.
      if (edit.start < at && edit.end <= at) continue;
      if (edit.start < at) throw new Error(`overlapping edits at ${edit.start} and ${at}`);
      printed += this.original.slice(at, edit.start);
      this.open.push(edit);
      printed += edit.text();
      this.open.pop();
      at = edit.end;
    }
    return printed + this.original.slice(at, end);
  }
}

const isInsertion = ({ start, end }: Edit): boolean => start === end;
