import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startHttpFixture, type HttpFixture } from './fixture/http-fixture.js';
import { makeEvents, startLedgerFixture, type LedgerFixture } from './fixture/ledger-fixture.js';
import { fetchTree } from './fixture/tlog-client.js';

let ledgers: LedgerFixture;
let http: HttpFixture;

beforeAll(async () => {
  ledgers = await startLedgerFixture();
  http = await startHttpFixture(ledgers);
}, 60_000);
afterAll(async () => {
  await http?.stop();
  await ledgers?.stop();
}, 60_000);

const prefixOf = (tenant: string): string => `${http.url}/ledgers/${tenant}`;

async function ledgerOf(tenant: string, count: number): Promise<void> {
  const ledger = await ledgers.ledger(tenant);
  await ledger.append(makeEvents(tenant, count));
  await ledger.sign();
}

describe('the tiled log', () => {
  it.each([1, 2, 255, 256, 257, 600, 65_536 + 300])('of %s entries gives the signed root from its tiles and from its entries', async (size) => {
    const tenant = `size-${size}`;
    await ledgerOf(tenant, size);
    const tree = await fetchTree(prefixOf(tenant));
    expect(tree.origin).toBe(`ledger.example/${tenant}`);
    expect(tree.treeSize).toBe(size);
    expect(tree.entries).toHaveLength(size);
    expect(tree.wrongTiles).toEqual([]);
    expect({ entries: tree.rootFromEntries, tiles: tree.rootFromTiles }).toEqual({ entries: tree.root, tiles: tree.root });
  }, 120_000);

  it('keeps the tiles of an older checkpoint while it grows', async () => {
    await ledgerOf('grows', 300);
    const before = await fetch(`${prefixOf('grows')}/tile/0/001.p/44`);
    expect(before.status).toBe(200);
    const old = Buffer.from(await before.arrayBuffer());
    await ledgerOf('grows', 400);
    const after = await fetch(`${prefixOf('grows')}/tile/0/001.p/44`);
    expect(Buffer.from(await after.arrayBuffer()).equals(old)).toBe(true);
    const full = await fetch(`${prefixOf('grows')}/tile/0/001`);
    expect(Buffer.from(await full.arrayBuffer()).subarray(0, old.length).equals(old)).toBe(true);
    const tree = await fetchTree(prefixOf('grows'));
    expect([tree.treeSize, tree.rootFromEntries]).toEqual([700, tree.root]);
  });

  it('serves what a checkpoint covers and nothing beyond it', async () => {
    const ledger = await ledgers.ledger('covered');
    await ledger.append(makeEvents('covered', 300));
    const early = await fetch(`${prefixOf('covered')}/checkpoint`);
    expect([early.status, await early.json()]).toEqual([404, expect.objectContaining({ code: 'CHECKPOINT_NOT_YET' })]);
    await ledger.sign();
    await ledger.append(makeEvents('covered', 300));
    const status = async (path: string): Promise<unknown[]> => {
      const response = await fetch(`${prefixOf('covered')}/${path}`);
      const type = response.headers.get('content-type') ?? '';
      const code = type.includes('json') ? ((await response.json()) as { code: string }).code : type;
      return [response.status, code, response.headers.get('cache-control'), response.headers.get('access-control-allow-origin')];
    };
    const served = [200, 'application/octet-stream', 'public, max-age=31536000, immutable', '*'];
    const notYet = [404, 'TILE_NOT_YET', 'no-store', '*'];
    expect(await status('tile/0/000')).toEqual(served);
    expect(await status('tile/0/000.p/255')).toEqual(served);
    expect(await status('tile/0/001.p/44')).toEqual(served);
    expect(await status('tile/1/000.p/1')).toEqual(served);
    expect(await status('tile/entries/001.p/44')).toEqual(served);
    expect(await status('tile/0/001')).toEqual(notYet);
    expect(await status('tile/0/001.p/45')).toEqual(notYet);
    expect(await status('tile/0/002.p/1')).toEqual(notYet);
    expect(await status('tile/1/000')).toEqual(notYet);
    expect(await status('tile/1/000.p/2')).toEqual(notYet);
    expect(await status('tile/2/000.p/1')).toEqual(notYet);
    expect(await status('tile/entries/001')).toEqual(notYet);
    expect(await status('tile/entries/001.p/45')).toEqual(notYet);
    expect(await status('checkpoint')).toEqual([200, 'text/plain; charset=utf-8', 'no-cache, max-age=1', '*']);
  });

  it.each([
    'tile/00/000',
    'tile/0/0',
    'tile/0/0000',
    'tile/0/x000/000',
    'tile/0/000.p/0',
    'tile/0/000.p/01',
    'tile/0/000.p/256',
    'tile/0/%30%30%30',
    'tile/64/000',
    'tile/-1/000',
    'tile/entries/000/',
    'tile/data/000',
    'tile/0/000.P/1',
  ])('refuses %s: one tile has one path', async (path) => {
    await ledgerOf('strict', 1);
    const response = await fetch(`${prefixOf('strict')}/${path}`);
    const problem = (await response.json()) as { code: string };
    expect([response.status, problem.code, response.headers.get('cache-control')]).toEqual([400, 'TILE_PATH_MALFORMED', 'no-store']);
  });

  it('compresses entry bundles for whoever accepts gzip, and only then', async () => {
    await ledgerOf('packed', 256);
    const url = `${prefixOf('packed')}/tile/entries/000`;
    const encoding = async (accept: string): Promise<(string | null)[]> => {
      const { headers } = await fetch(url, { headers: { 'accept-encoding': accept } });
      return [headers.get('content-encoding'), headers.get('vary')];
    };
    expect(await encoding('gzip, identity')).toEqual(['gzip', 'accept-encoding']);
    expect(await encoding('*')).toEqual(['gzip', 'accept-encoding']);
    expect(await encoding('identity')).toEqual([null, 'accept-encoding']);
    expect(await encoding('gzip;q=0, *')).toEqual([null, 'accept-encoding']);
    expect(await encoding('br')).toEqual([null, 'accept-encoding']);
  });

  it('accuses the database instead of serving a bundle with an entry missing', async () => {
    await ledgerOf('holed', 300);
    await ledgers.admin.query("DELETE FROM entries WHERE leaf_index = 7 AND ledger_id = (SELECT ledger_id FROM ledgers WHERE tenant = 'holed')");
    const response = await fetch(`${prefixOf('holed')}/tile/entries/000`);
    expect([response.status, await response.json()]).toEqual([500, expect.objectContaining({ code: 'ENTRY_MISSING' })]);
  });
});
