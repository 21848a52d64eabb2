import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { leafHash, parseTlogProof, verifyCheckpoint, verifyConsistency, verifyTlogProof, type Receipt } from '@countersign/chain';
import { consistencySchema, ledgerSchema, type Consistency } from '@countersign/contracts';
import { Prover } from '../src/prove/prover.js';
import { SignedHeads } from '../src/prove/signed-head.js';
import { PgReadStore } from '../src/store/pg-read-store.js';
import { PgTileRows } from '../src/store/pg-tile-rows.js';
import { TileCache } from '../src/store/tile-cache.js';
import { startHttpFixture, type HttpFixture } from './fixture/http-fixture.js';
import { makeEvents, recordedIn, startLedgerFixture, type LedgerFixture, type TestLedger } from './fixture/ledger-fixture.js';

let ledgers: LedgerFixture;
let http: HttpFixture;
let acme: TestLedger;
let receipts: Receipt[];
const SIZE = 1_000;

beforeAll(async () => {
  ledgers = await startLedgerFixture();
  http = await startHttpFixture(ledgers);
  acme = await ledgers.ledger('acme');
  receipts = recordedIn(await acme.append(makeEvents('acme', SIZE)));
  await acme.sign();
}, 60_000);
afterAll(async () => {
  await http?.stop();
  await ledgers?.stop();
}, 60_000);

const get = (path: string, tenant = 'acme'): Promise<Response> => fetch(`${http.url}/ledgers/${tenant}/${path}`);
async function answer(path: string, tenant = 'acme'): Promise<readonly [number, unknown]> {
  const response = await get(path, tenant);
  return [response.status, await response.json()];
}
const refusal = (code: string): unknown => expect.objectContaining({ code });
const rootOf = (base64: string): Buffer => Buffer.from(base64, 'base64');

describe('a receipt', () => {
  it('is the one that the producer got', async () => {
    for (const receipt of [receipts[0]!, receipts[499]!, receipts[SIZE - 1]!]) {
      expect(await answer(`receipts/${receipt.id}`)).toEqual([200, receipt]);
    }
  });

  it('is there before any checkpoint covers the event', async () => {
    const early = await ledgers.ledger('early');
    const [receipt] = recordedIn(await early.append(makeEvents('early', 1)));
    expect(await answer(`receipts/${receipt!.id}`, 'early')).toEqual([200, receipt]);
  });

  it('of an unknown event does not exist', async () => {
    expect(await answer('receipts/00000000-0000-4000-8000-000000000000')).toEqual([404, refusal('EVENT_UNKNOWN')]);
    expect(await answer(`receipts/${receipts[0]!.id.toUpperCase()}`)).toEqual([400, refusal('REQUEST_INVALID')]);
  });
});

describe('a proof of one event', () => {
  it('verifies with its own entry and the public keys alone', async () => {
    for (const index of [0, 1, 255, 256, 512, 767, 768, 998, SIZE - 1]) {
      const response = await get(`proofs/${receipts[index]!.id}`);
      expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/plain; charset=utf-8']);
      const text = await response.text();
      const entry = parseTlogProof(text).extra!;
      const verified = verifyTlogProof(text, { entry, origin: acme.origin, vkeys: acme.vkeys });
      expect([verified.leafIndex, verified.leafHash.toString('hex'), verified.checkpoint.treeSize]).toEqual([index, receipts[index]!.eventHash, SIZE]);
    }
  });

  it('comes once a checkpoint covers the event, and says to ask again until then', async () => {
    const late = await ledgers.ledger('late');
    const first = recordedIn(await late.append(makeEvents('late', 1)))[0]!;
    const before = await get(`proofs/${first.id}`, 'late');
    expect([before.status, before.headers.get('retry-after'), await before.json()]).toEqual([404, '1', refusal('PROOF_NOT_YET')]);
    await late.sign();
    expect((await get(`proofs/${first.id}`, 'late')).status).toBe(200);
    const second = recordedIn(await late.append(makeEvents('late', 1)))[0]!;
    expect(await answer(`proofs/${second.id}`, 'late')).toEqual([404, refusal('PROOF_NOT_YET')]);
  });

  it('is not given when the entry was changed', async () => {
    const edited = await ledgers.ledger('edited');
    const [one, two] = recordedIn(await edited.append(makeEvents('edited', 2)));
    await edited.sign();
    await ledgers.admin.query('ALTER TABLE entries DISABLE TRIGGER entries_append_only');
    const forge = (set: string, id: string): Promise<unknown> => ledgers.admin.query(`UPDATE entries SET ${set} WHERE event_id = '${id}'`);
    await forge(`entry = replace(convert_from(entry, 'UTF8'), 'success', 'failure')::bytea`, one!.id);
    expect(await answer(`proofs/${one!.id}`, 'edited')).toEqual([500, refusal('PROOF_ROOT_MISMATCH')]);
    expect(await answer(`receipts/${one!.id}`, 'edited')).toEqual([500, refusal('PROOF_ROOT_MISMATCH')]);
    await forge(`entry = replace(convert_from(entry, 'UTF8'), 'failure', 'success')::bytea`, one!.id);
    expect((await get(`proofs/${one!.id}`, 'edited')).status).toBe(200);
    await forge(`event_id = '00000000-0000-4000-8000-000000000001'`, two!.id);
    expect(await answer('receipts/00000000-0000-4000-8000-000000000001', 'edited')).toEqual([500, refusal('EVENT_ID_MISMATCH')]);
  });

  it('is not given from a tile that was changed, and is again once the tile is whole', async () => {
    const tiled = await ledgers.ledger('tiled');
    const tiledReceipts = recordedIn(await tiled.append(makeEvents('tiled', 600)));
    await tiled.sign();
    const flip = `UPDATE tiles SET hashes = set_byte(hashes, 40, get_byte(hashes, 40) # 1) WHERE ledger_id = ${tiled.ledgerId} AND level = 0 AND tile_index = 0`;
    await ledgers.admin.query(flip);
    expect(await answer(`proofs/${tiledReceipts[0]!.id}`, 'tiled')).toEqual([500, refusal('PROOF_ROOT_MISMATCH')]);
    await ledgers.admin.query(flip);
    expect((await get(`proofs/${tiledReceipts[0]!.id}`, 'tiled')).status).toBe(200);
  });

  it('has its tile with its entry: no full tile is asked for by itself', async () => {
    const asked: string[] = [];
    const rows = new PgTileRows(ledgers.reader);
    const tiles = new TileCache({
      fullTile: (ledger, level, tileIndex) => {
        asked.push(`${level}/${tileIndex}`);
        return rows.fullTile(ledger, level, tileIndex);
      },
      hashes: (ledger, level, start, end) => rows.hashes(ledger, level, start, end),
    });
    const store = new PgReadStore(ledgers.reader);
    const heads = new SignedHeads({ latestCheckpoint: (ledger) => store.latestCheckpoint(ledger), signer: ledgers.signer, nowMs: () => 0 });
    const prover = new Prover({ leafByEventId: (ledger, id) => store.leafByEventId(ledger, id), heads, tiles });
    for (const index of [0, 255, 300, 767, SIZE - 1]) {
      expect(parseTlogProof(await prover.tlogProof(acme, receipts[index]!.id)).leafIndex).toBe(index);
    }
    expect(asked).toEqual([]);
    expect((await tiles.hashes(acme, 0, 2, 256)).length).toBe(256 * 32);
    expect(asked).toEqual([]);
  });

  it('is not given for a checkpoint that the ledger did not sign', async () => {
    const forged = await ledgers.ledger('forged');
    const [receipt] = recordedIn(await forged.append(makeEvents('forged', 3)));
    await forged.sign();
    await ledgers.admin.query(`UPDATE checkpoints SET note = replace(note, E'\\n3\\n', E'\\n4\\n'), tree_size = 4 WHERE ledger_id = ${forged.ledgerId}`);
    expect(await answer(`proofs/${receipt!.id}`, 'forged')).toEqual([500, refusal('CHECKPOINT_SIGNATURE_INVALID')]);
    expect((await answer('checkpoint', 'forged'))[0]).toBe(500);
  });
});

describe('a consistency proof', () => {
  const check = (answered: Consistency): void => {
    const { from, to, fromRoot, toRoot, proof } = consistencySchema.parse(answered);
    verifyConsistency({ oldSize: from, oldRoot: rootOf(fromRoot), newSize: to, newRoot: rootOf(toRoot), proof: proof.map(rootOf) });
  };

  it('verifies between any two sizes and leads to the signed root', async () => {
    for (const [from, to] of [[0, 1000], [1, 1000], [255, 256], [256, 1000], [257, 600], [999, 1000], [1000, 1000], [5, 5]] as const) {
      const [status, proof] = await answer(`consistency?from=${from}&to=${to}`);
      expect(status).toBe(200);
      check(proof as Consistency);
      expect(proof).toMatchObject({ from, to });
    }
    const [, latest] = await answer('consistency?from=700');
    const { to, toRoot, checkpoint } = latest as Consistency;
    const signed = verifyCheckpoint(checkpoint, { origin: acme.origin, vkeys: acme.vkeys });
    expect([to, toRoot]).toEqual([signed.treeSize, signed.root.toString('base64')]);
  });

  it('is refused for sizes that make none', async () => {
    expect(await answer('consistency?from=7&to=6')).toEqual([400, refusal('CONSISTENCY_SIZE_DECREASES')]);
    expect(await answer('consistency?from=7&to=1001')).toEqual([404, refusal('SIZE_NOT_YET')]);
    expect(await answer('consistency?from=-1')).toEqual([400, expect.objectContaining({ code: 'REQUEST_INVALID', field: 'from' })]);
    expect(await answer('consistency?from=01')).toEqual([400, expect.objectContaining({ code: 'REQUEST_INVALID', field: 'from' })]);
    expect(await answer('consistency')).toEqual([400, expect.objectContaining({ code: 'REQUEST_INVALID', field: 'from' })]);
    expect(await answer('consistency?from=1&size=2')).toEqual([400, expect.objectContaining({ code: 'REQUEST_INVALID', field: 'size' })]);
  });
});

describe('the ledger and its entries', () => {
  it('are shown with what is needed to verify them', async () => {
    const [status, body] = await answer('');
    expect(status).toBe(404);
    expect(body).toMatchObject({ code: 'ROUTE_UNKNOWN' });
    const response = await fetch(`${http.url}/ledgers/acme`);
    const view = ledgerSchema.parse(await response.json());
    expect(view).toMatchObject({ tenant: 'acme', origin: acme.origin, treeSize: SIZE, indexedSize: 0, verdict: { verdict: 'intact' } });
    const signed = verifyCheckpoint(view.checkpoint!.note, { origin: acme.origin, vkeys: acme.vkeys });
    expect([view.checkpoint!.treeSize, view.checkpoint!.root]).toEqual([SIZE, signed.root.toString('base64')]);
    expect(view.vkeys.map((vkey) => vkey.split('+')[0])).toEqual([acme.origin, acme.origin]);
  });

  it('are found by index', async () => {
    const [status, body] = await answer('entries/256');
    expect([status, body]).toMatchObject([200, { index: 256, eventHash: receipts[256]!.eventHash, entry: { id: receipts[256]!.id, index: 256 } }]);
    expect(await answer(`entries/${SIZE}`)).toEqual([404, refusal('ENTRY_UNKNOWN')]);
    expect(await answer('entries/x')).toEqual([400, refusal('REQUEST_INVALID')]);
  });

  it('have the leaf hash of the bytes that a bundle holds', async () => {
    const bundle = Buffer.from(await (await get('tile/entries/000')).arrayBuffer());
    const first = bundle.subarray(2, 2 + bundle.readUInt16BE(0));
    expect(leafHash(first).toString('hex')).toBe(receipts[0]!.eventHash);
  });
});
