import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { anyLeakCheck, type LeakCheck, type LeakVerdict, rangeApiLeakCheck } from '../src/index.js';
import { leakDigest } from '../src/leak-check.js';

const PASSWORD = 'password';
/** SHA-1 of `password` is 5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8. */
const SUFFIX = '1E4C9B93F3F0682250B6CF8331B7EE68FD8';
const OTHER = '003D68EB55068C33ACE09247EE4C639306B';

type Answer = (response: ServerResponse, request: IncomingMessage) => void;
const ok = (body: string): Answer => (response) => void response.writeHead(200).end(body);

let server: Server;
let answer: Answer;
let asked: IncomingMessage[];
let check: LeakCheck;

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request);
    answer(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  check = rangeApiLeakCheck({ fetch, baseUrl, userAgent: 'countersign-test', timeoutMs: 300 });
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

async function judged(by: Answer): Promise<LeakVerdict> {
  asked = [];
  answer = by;
  return check(PASSWORD);
}

describe('the range API', () => {
  it('is asked by five digits, with padding, and told who asks', async () => {
    expect(await judged(ok(`${OTHER}:3\r\n${SUFFIX}:10434004`))).toBe('leaked');
    expect(asked.map(({ url, headers }) => [url, headers['add-padding'], headers['user-agent']])).toEqual([['/range/5BAA6', 'true', 'countersign-test']]);
  });

  const cases: ReadonlyArray<readonly [why: string, by: Answer, verdict: LeakVerdict]> = [
    ['another suffix only', ok(`${OTHER}:3`), 'clean'],
    ['our suffix as padding', ok(`${OTHER}:3\r\n${SUFFIX}:0`), 'clean'],
    ['a newline at the end', ok(`${SUFFIX}:1\r\n`), 'leaked'],
    ['no line', ok(''), 'unknown'],
    ['a page of a proxy', ok('<html>Please sign in</html>'), 'unknown'],
    ['a cut line', ok(`${OTHER}:3\r\n1E4C9B`), 'unknown'],
    ['an error', (response) => void response.writeHead(503).end(`${OTHER}:3`), 'unknown'],
    ['too many requests', (response) => void response.writeHead(429, { 'retry-after': '2' }).end(), 'unknown'],
    ['another place', (response) => void response.writeHead(302, { location: '/range/00000' }).end(), 'unknown'],
    ['nothing, for too long', () => undefined, 'unknown'],
    ['half of the answer', (response) => void response.writeHead(200, { 'content-length': '500' }).write(`${OTHER}:3\r\n`), 'unknown'],
    ['a closed connection', (_response, request) => void request.socket.destroy(), 'unknown'],
    ['more than anybody would send', (response) => void response.writeHead(200).end(`${OTHER}:3\r\n`.repeat(40_000)), 'unknown'],
  ];
  it.each(cases)('answers %s', async (_why, by, verdict) => {
    expect(await judged(by)).toBe(verdict);
  });

  it('is unknown when nobody listens', async () => {
    expect(await rangeApiLeakCheck({ fetch, baseUrl: 'http://127.0.0.1:9', userAgent: 'countersign-test' })(PASSWORD)).toBe('unknown');
  });
});

describe('several checks', () => {
  const says = (verdict: LeakVerdict): LeakCheck => () => Promise.resolve(verdict);
  it.each<[LeakVerdict[], LeakVerdict]>([
    [['clean', 'leaked'], 'leaked'],
    [['unknown', 'leaked'], 'leaked'],
    [['clean', 'clean'], 'clean'],
    [['clean', 'unknown'], 'unknown'],
    [[], 'unknown'],
  ])('%j together: %s', async (verdicts, together) => {
    expect(await anyLeakCheck(verdicts.map(says))(PASSWORD)).toBe(together);
  });
});

describe('the digest', () => {
  it('is SHA-1 of the normalised password, in upper case', () => {
    expect(leakDigest('password')).toBe(`5BAA6${SUFFIX}`);
    expect(leakDigest('ｐassword')).toBe(leakDigest('password'));
  });
});
