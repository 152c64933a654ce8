import { Catch, type ExceptionFilter } from '@nestjs/common';
import { throwError, type Observable } from 'rxjs';

/** Errors of another service are objects, not exceptions: Nest would make an "Internal server error" of them. */
@Catch()
export class PassedOnFilter implements ExceptionFilter {
  catch(error: unknown): Observable<never> {
    const message = error instanceof Error ? error.name : undefined;
    return throwError(() => (message === undefined ? error : { code: 'unavailable', message }));
  }
}
