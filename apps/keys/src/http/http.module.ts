import { Module, type DynamicModule } from '@nestjs/common';
import { HTTP_DEPS, type HttpDeps } from './deps.js';
import { OperationsController } from './operations.controller.js';

/** The key service's HTTP edge: health and metrics, nothing that names a key. */
@Module({})
export class HttpModule {
  static of(deps: HttpDeps): DynamicModule {
    return { module: HttpModule, controllers: [OperationsController], providers: [{ provide: HTTP_DEPS, useValue: deps }] };
  }
}
