import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { EdgeFaultCode } from './edge-fault.js';
import { statusOf } from './fault-status.js';
import type { Problem } from './problem.js';

/** Names that Node gives to what it cannot read, and ours. */
const CODES: Readonly<Record<string, EdgeFaultCode>> = { HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE', ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMED_OUT' };
const DETAILS: Partial<Record<EdgeFaultCode, string>> = {
  HEADERS_TOO_LARGE: 'the headers are too large',
  REQUEST_TIMED_OUT: 'the request was not sent in time',
  HTTP_MALFORMED: 'this is not HTTP/1.1 as RFC 9112 has it',
};

/** What never became a request is answered on the bare connection, as a problem too (RFC 9457), and the connection ends. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy(error);
    return;
  }
  const code = CODES[error.code ?? ''] ?? 'HTTP_MALFORMED';
  const status = statusOf(code);
  const correlationId = randomUUID();
  const problem: Problem = { type: `urn:countersign:fault:${code}`, title: STATUS_CODES[status] ?? 'Error', status, detail: DETAILS[code] ?? code, code, correlationId };
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? 'Error'}`,
    'connection: close',
    'content-type: application/problem+json',
    `content-length: ${String(Buffer.byteLength(body))}`,
    'cache-control: no-store',
    'x-content-type-options: nosniff',
    `x-correlation-id: ${correlationId}`,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
