import { randomInt, randomUUID } from 'node:crypto';
import { connect } from 'node:tls';
import { describe, expect, it } from '@jest/globals';
import { tryBadInput, type Browser } from '@countersign/devstack';
import { Cast } from './cast.js';
import { service } from './samples-of-keys.js';
import { valuesOf } from './samples.js';
import type { WholeStand } from './whole-stand.js';

/** More of them in `npm run test:faults`. */
const CASES_EACH = 15;
const seed = Number(process.env['BAD_INPUT_SEED'] ?? randomInt(2 ** 31));

/** What is no request at all, byte by byte, and what comes instead. */
const RAW: readonly (readonly [what: string, bytes: string, status: number, code: string])[] = [
  ['a line break within a header', 'GET /docs HTTP/1.1\r\nHost: localhost\r\nX-A: b\rSet-Cookie: x=y\r\n\r\n', 400, 'HTTP_MALFORMED'],
  ['a NUL in a header', 'GET /docs HTTP/1.1\r\nHost: localhost\r\nX-A: b\0c\r\n\r\n', 400, 'HTTP_MALFORMED'],
  ['two lengths', 'POST /v1/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\nContent-Length: 30\r\n\r\n{}', 400, 'HTTP_MALFORMED'],
  ['a length and chunks (smuggling)', 'POST /v1/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400, 'HTTP_MALFORMED'],
  ['chunks without a length', 'POST /v1/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 400, 'HTTP_MALFORMED'],
  ['no such method', 'BREW /docs HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, 'HTTP_MALFORMED'],
  ['no HTTP', 'EHLO localhost\r\n\r\n', 400, 'HTTP_MALFORMED'],
  ['headers that are too large', `GET /docs HTTP/1.1\r\nHost: localhost\r\nX-A: ${'b'.repeat(20_000)}\r\n\r\n`, 431, 'HEADERS_TOO_LARGE'],
];

export function badInputSuite(open: () => WholeStand): void {
  describe('bad input', () => {
    it('of every kind at every route is refused with a code, names the field, and breaks nothing', async () => {
      const stand = open();
      const victim = await stand.person();
      const known = await valuesOf(stand, { own: victim, other: victim, elsewhere: victim });
      // A ledger that is there: what reaches it is read by it.
      const values = { ...Object.fromEntries(Object.entries(known).map(([name, { own }]) => [name, own])), tenant: 'system' };
      const somebody = await stand.person();
      const who: Readonly<Record<string, Browser>> = { public: stand.browser(), session: somebody.browser };
      const { key, name } = await service(new Cast(stand));
      const program = stand.browser();
      const withKey: Pick<Browser, 'ask'> = { ask: (method, path, asked = {}) => program.ask(method, path, { ...asked, headers: { ...asked.headers, authorization: `Bearer ${key}` } }) };
      const { sent, wrong } = await tryBadInput({
        // Programs first: an odd reason to close their organisation is a reason.
        routes: stand.routes.toSorted((one, other) => Number(other.access.only !== undefined) - Number(one.access.only !== undefined)),
        browserFor: ({ access }) => (access.only === undefined ? (who[access.kind] ?? stand.admin.browser) : withKey),
        values,
        wholeOf: ({ access }) => (access.only === undefined ? undefined : { id: randomUUID(), type: `http.${name}.sample.sent`, time: new Date().toISOString() }),
        casesEach: CASES_EACH,
        seed,
      });
      expect(wrong).toEqual([]);
      expect(sent).toBeGreaterThan(10 * stand.routes.length);
    });

    it.each(RAW)('%s gets a problem and the end of the connection', async (_what, bytes, status, code) => {
      const { origins, platform } = open();
      const text = await exchange(Number(new URL(origins.usual).port), platform.ca, bytes);
      expect(text.split('\r\n')[0]).toContain(`HTTP/1.1 ${String(status)}`);
      expect(text).toContain('content-type: application/problem+json');
      expect(text).toContain(`"code":"${code}"`);
    });
  });
}

function exchange(port: number, ca: string, bytes: string): Promise<string> {
  return new Promise((done) => {
    let text = '';
    const socket = connect({ host: 'localhost', port, ca, ALPNProtocols: ['http/1.1'] }, () => socket.write(bytes, 'latin1'));
    socket.on('data', (data: Buffer) => (text += data.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => done(text));
  });
}
