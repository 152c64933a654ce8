/** The command line makes no sense. */
export class UsageError extends Error {
  override readonly name = 'UsageError';

  /** @param usage how the command is used */
  constructor(message: string, usage: string) {
    super(`${message}\n\n${usage}`);
  }
}
