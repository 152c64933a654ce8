import type { Credentials } from './credentials.js';

/**
 * The password of the last `updateSecret()`, for later logins. It takes the place of one password: another one that the
 * function `urls` returns afterwards is newer.
 */
export class UpdatedSecret {
  private updated: string | undefined;
  /** The given password that it replaces; undefined until there was a login. */
  private replaced: string | undefined;
  /** The given password of the last login. */
  private given: string | undefined;

  /** The password for mechanisms, which are made before the connection; undefined before the first update. */
  get password(): string | undefined {
    return this.updated;
  }

  use(password: string): void {
    this.updated = password;
    this.replaced = this.given;
  }

  /** @param given the credentials of the options or the URI */
  loggedIn({ password }: Credentials): void {
    this.given = password;
    this.replaced ??= password;
  }

  /** Returns the credentials for a login. @param given the credentials of the options or the URI */
  applyTo(given: Credentials): Credentials {
    const { updated, replaced } = this;
    if (updated === undefined || (replaced ?? given.password) !== given.password) return given;
    return { username: given.username, password: updated };
  }
}
