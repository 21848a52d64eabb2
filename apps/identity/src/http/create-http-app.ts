import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { HttpDeps } from './deps.js';
import { HttpModule } from './http.module.js';

const BODY_BYTES_MAX = 1_024;
const HEADER_BYTES_MAX = 16 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;

/** Ready to listen. Close it with `app.close()`. */
export async function createHttpApp(deps: HttpDeps): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({ bodyLimit: BODY_BYTES_MAX, requestTimeout: REQUEST_TIMEOUT_MS, http: { maxHeaderSize: HEADER_BYTES_MAX } });
  const app = await NestFactory.create<NestFastifyApplication>(HttpModule.of(deps), adapter, { logger: false });
  await app.init();
  return app;
}
