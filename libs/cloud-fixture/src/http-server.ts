import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { FaultSwitch } from './fault-switch.js';

const SLOW_MS = 60_000;

export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly body: object;
}

export interface Tls {
  readonly key: string;
  readonly cert: string;
}

/** Serves `answer` on 127.0.0.1, except where the switch says otherwise; `refusals` are the dialect of its faults. */
export async function startHttp(options: {
  readonly faults: FaultSwitch;
  readonly answer: (exchange: Exchange) => Answer;
  readonly refusals: { readonly denied: Answer; readonly error: Answer; readonly throttled: Answer };
  readonly contentType: string;
  readonly tls?: Tls;
}): Promise<{ readonly url: string; readonly close: () => Promise<void> }> {
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const fault = options.faults.take();
      const send = ({ status, body }: Answer): void => {
        response.writeHead(status, { 'content-type': options.contentType, 'x-amzn-requestid': '00000000-0000-4000-8000-000000000000' }).end(JSON.stringify(body));
      };
      if (fault === 'drop') return void response.writeHead(200, { 'content-length': '100' }).write('{', () => request.socket.destroy());
      if (fault === 'garbage') return void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>proxy</html>');
      if (fault === 'slow') return void setTimeout(() => response.destroy(), SLOW_MS).unref();
      if (fault !== undefined) return send(options.refusals[fault]);
      send(options.answer({ method: request.method ?? '', path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks) }));
    });
  };
  const server: Server = options.tls === undefined ? createServer(handle) : createTlsServer(options.tls, handle);
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  const scheme = options.tls === undefined ? 'http' : 'https';
  return {
    url: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => void server.close(done));
    },
  };
}
