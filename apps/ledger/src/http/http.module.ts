import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { LoggerModule } from 'nestjs-pino';
import { HTTP_DEPS, type HttpDeps } from './deps.js';
import { EventsController } from './events.controller.js';
import { ExportController } from './export.controller.js';
import { LedgersController } from './ledgers.controller.js';
import { ProblemFilter } from './problem.filter.js';
import { ProofsController } from './proofs.controller.js';
import { TlogController } from './tlog.controller.js';
import { VerificationController } from './verification.controller.js';

/** The ledger's HTTP edge: routes, and the one filter that turns faults into answers. */
@Module({})
export class HttpModule {
  static of(deps: HttpDeps): DynamicModule {
    return {
      module: HttpModule,
      // Nest's own lines; requests are logged by request-log.ts.
      imports: [LoggerModule.forRoot({ pinoHttp: { logger: deps.log }, forRoutes: [] })],
      controllers: [
        LedgersController,
        TlogController,
        ProofsController,
        EventsController,
        VerificationController,
        ExportController,
      ],
      providers: [
        { provide: HTTP_DEPS, useValue: deps },
        { provide: APP_FILTER, useFactory: () => new ProblemFilter(deps.log) },
      ],
    };
  }
}
