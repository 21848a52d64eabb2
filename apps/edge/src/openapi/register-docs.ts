import type { FastifyInstance } from 'fastify';
import type { Route } from '../routes/route.js';
import { openApiDocument } from './document.js';
import { apiPage, STYLE, STYLE_ETAG } from './page.js';

/** `/openapi.json` and `/docs`: public, since they hold what the source does. */
export function registerDocs(app: FastifyInstance, routes: readonly Route[], about: { readonly publicOrigin: string; readonly version: string }): void {
  const document = JSON.stringify(openApiDocument(routes, about));
  const page = apiPage(routes);
  app.get('/openapi.json', async (_request, reply) => reply.header('cache-control', 'public, max-age=300').type('application/json').send(document));
  app.get('/docs', async (_request, reply) => reply.header('cache-control', 'public, max-age=300').type('text/html; charset=utf-8').send(page));
  app.get('/docs/style.css', async (_request, reply) => reply.header('cache-control', 'public, max-age=86400').header('etag', STYLE_ETAG).type('text/css').send(STYLE));
}
