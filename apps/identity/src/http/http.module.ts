import { Module, type DynamicModule } from '@nestjs/common';
import { HTTP_DEPS, type HttpDeps } from './deps.js';
import { OperationsController } from './operations.controller.js';

/** Identity's own HTTP: health and metrics. People come through the edge. */
@Module({})
export class HttpModule {
  static of(deps: HttpDeps): DynamicModule {
    return { module: HttpModule, controllers: [OperationsController], providers: [{ provide: HTTP_DEPS, useValue: deps }] };
  }
}
