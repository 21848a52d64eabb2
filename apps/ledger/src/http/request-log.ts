import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '@countersign/runtime';
import type { Options } from 'pino-http';

/**
 * One line a request. Queries name actors, and addresses and agents are personal: neither is logged, only the path.
 * What went well is logged at `debug`; a reader that walks the tiles would fill the log otherwise.
 */
export function requestLog(log: Logger): Options {
  return {
    logger: log,
    customAttributeKeys: { reqId: 'correlationId' },
    quietReqLogger: true,
    quietResLogger: true,
    customLogLevel: (_request: IncomingMessage, response: ServerResponse, error?: Error) => {
      if (error !== undefined || response.statusCode >= 500) return 'error';
      return response.statusCode === 429 ? 'warn' : 'debug';
    },
    customSuccessObject: requestFields,
    customErrorObject: requestFields,
  };
}

function requestFields(request: IncomingMessage & { originalUrl?: string }, response: ServerResponse, loggable: object): object {
  const [path] = (request.originalUrl ?? request.url ?? '').split('?');
  return { ...withoutRawObjects(loggable), method: request.method, path, status: response.statusCode };
}

function withoutRawObjects(loggable: object): object {
  const { req: _req, res: _res, ...rest } = loggable as Record<string, unknown>;
  return rest;
}
