import type { LoggerService } from '@nestjs/common';
import { Inbox } from './inbox.js';

/** A Nest logger that keeps its lines. */
export class Lines implements LoggerService {
  readonly inbox = new Inbox<string>();

  readonly log = (line: unknown): void => this.inbox.add(`LOG ${String(line)}`);
  readonly warn = (line: unknown): void => this.inbox.add(`WARN ${String(line)}`);
  readonly error = (line: unknown): void => this.inbox.add(`ERROR ${String(line)}`);
  readonly debug = (line: unknown): void => this.inbox.add(`DEBUG ${String(line)}`);

  /** Resolves with the next line that contains the text. */
  async until(text: string): Promise<string> {
    for (;;) {
      const line = await this.inbox.next();
      if (line.includes(text)) return line;
    }
  }

  /** Returns the lines so far that contain the text. */
  with(text: string): string[] {
    return this.inbox.all.filter((line) => line.includes(text));
  }
}
