import { Catch, type ExceptionFilter } from '@nestjs/common';
import { throwError, type Observable } from 'rxjs';

/**
 * Passes errors of another service on. They are objects, not exceptions, so Nest would replace them by "Internal server error".
 */
@Catch()
export class PassedOnFilter implements ExceptionFilter {
  catch(error: unknown): Observable<never> {
    const message = error instanceof Error ? error.name : undefined;
    return throwError(() => (message === undefined ? error : { code: 'unavailable', message }));
  }
}
