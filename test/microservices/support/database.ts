import type { FactoryProvider, OnModuleDestroy } from '@nestjs/common';

/** A provider that handlers use and that Nest destroys at the end. */
export class Database implements OnModuleDestroy {
  private constructor(private readonly steps: string[]) {}

  /** Makes its provider. @param steps gets a line when it is destroyed */
  static noting(steps: string[]): FactoryProvider {
    return { provide: Database, useFactory: () => new Database(steps) };
  }

  onModuleDestroy(): void {
    this.steps.push('database destroyed');
  }
}
