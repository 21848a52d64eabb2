import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TILE_WIDTH } from '@countersign/chain';
import type { Verdict } from '@countersign/contracts';
import { runPass } from '../../src/verify/pass.js';
import { makeEvents, startLedgerFixture, type LedgerFixture, type TestLedger } from '../fixture/ledger-fixture.js';
import { Superuser } from '../fixture/superuser.js';
import { runnerInProcess } from '../fixture/tampering-fixture.js';

const SPAN = TILE_WIDTH * TILE_WIDTH;
const SIZE = SPAN + 2 * TILE_WIDTH + 10;

let ledgers: LedgerFixture;
let acme: TestLedger;
let superuser: Superuser;
beforeAll(async () => {
  ledgers = await startLedgerFixture();
  acme = await ledgers.ledger('acme');
  await acme.append(makeEvents('acme', SIZE));
  await acme.sign();
  superuser = Superuser.open(ledgers.admin, acme);
  await superuser.backUp('pristine');
}, 120_000);
afterAll(() => ledgers?.stop(), 60_000);

async function verify(): Promise<Verdict['fault']> {
  const { reader, url, archive, signer } = ledgers;
  const deps = { pool: reader, databaseUrl: url('ledger_reader'), archive, signer, runner: runnerInProcess(3), now: () => new Date() };
  return (await runPass({ ledger: acme, kind: 'full', start: undefined, fromIndex: 0 }, deps)).verdict.fault;
}

const zeros = (count: number): string => `decode(repeat('00', ${count}), 'hex')`;
const UPPER = 'WHERE ledger_id = $1 AND level = 1 AND tile_index = 0';

describe('a ledger with tiles of two levels', () => {
  it('is intact', async () => {
    expect(await verify()).toBeUndefined();
  }, 60_000);

  it.each([
    ['edited', 'TILE_ALTERED', 100 * TILE_WIDTH, 101 * TILE_WIDTH - 1, `UPDATE tiles SET hashes = set_byte(hashes, 3200, 255 - get_byte(hashes, 3200)) ${UPPER}`],
    ['given another root', 'TILE_ROOT_ALTERED', 0, SPAN - 1, `UPDATE tiles SET root = ${zeros(32)} ${UPPER}`],
    ['deleted', 'TILE_MISSING', 0, SPAN - 1, `DELETE FROM tiles ${UPPER}`],
    ['added', 'TILE_UNEXPECTED', SPAN, 2 * SPAN - 1, `INSERT INTO tiles SELECT $1, 1, 1, ${zeros(8192)}, ${zeros(32)}`],
  ])('is broken when the upper tile is %s: %s', async (_how, code, firstIndex, lastIndex, statement) => {
    await superuser.sql(statement, []);
    expect(await verify()).toMatchObject({ code, firstIndex, lastIndex });
    await superuser.restoreTiles();
  }, 60_000);

  it.each([
    ['a tile under it is edited', 'TILE_ALTERED', 200 * TILE_WIDTH + 3, `UPDATE tiles SET hashes = set_byte(hashes, 96, 255 - get_byte(hashes, 96)) WHERE ledger_id = $1 AND level = 0 AND tile_index = 200`],
    ['a tile after it is edited', 'TILE_ALTERED', SPAN + TILE_WIDTH, `UPDATE tiles SET hashes = set_byte(hashes, 0, 255 - get_byte(hashes, 0)) WHERE ledger_id = $1 AND level = 0 AND tile_index = 257`],
  ])('is broken when %s: %s at %i', async (_how, code, leafIndex, statement) => {
    await superuser.sql(statement, []);
    expect(await verify()).toMatchObject({ code, firstIndex: leafIndex, lastIndex: leafIndex });
    await superuser.restoreTiles();
  }, 60_000);
});
