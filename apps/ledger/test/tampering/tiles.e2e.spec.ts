import { describeTampering, type Tampering } from '../fixture/tampering-cases.js';
import type { TamperingFixture } from '../fixture/tampering-fixture.js';

// 700 entries make two full tiles: entries 0 to 255 and 256 to 511. Nothing of an export depends on tiles.
function tampering(attack: string, code: Tampering['code'], [firstIndex, lastIndex]: readonly [number, number?], statement: string, inTail = false): Tampering {
  const tamper = ({ superuser }: TamperingFixture) => superuser.sql(statement, []);
  return { attack, code, firstIndex, lastIndex, inTail, stranger: 'intact', tamper };
}

const bytes = (count: number): string => `decode(repeat('00', ${count}), 'hex')`;
const AT = 'WHERE ledger_id = $1 AND level = 0 AND tile_index';

describeTampering('tiles', [
  tampering('tile edited: first hash', 'TILE_ALTERED', [0], `UPDATE tiles SET hashes = set_byte(hashes, 0, 255 - get_byte(hashes, 0)) ${AT} = 0`),
  tampering('tile edited: middle', 'TILE_ALTERED', [400], `UPDATE tiles SET hashes = set_byte(hashes, 144 * 32 + 7, 255 - get_byte(hashes, 144 * 32 + 7)) ${AT} = 1`),
  tampering('tile edited: last hash', 'TILE_ALTERED', [511], `UPDATE tiles SET hashes = set_byte(hashes, 8191, 255 - get_byte(hashes, 8191)) ${AT} = 1`),
  tampering('tile root edited', 'TILE_ROOT_ALTERED', [0, 255], `UPDATE tiles SET root = ${bytes(32)} ${AT} = 0`, true),
  tampering('tile deleted', 'TILE_MISSING', [256, 511], `DELETE FROM tiles ${AT} = 1`, true),
  tampering('two tiles swapped', 'TILE_ALTERED', [0], `UPDATE tiles t SET hashes = o.hashes, root = o.root FROM tiles o WHERE t.ledger_id = $1 AND o.ledger_id = $1 AND t.level = 0 AND o.level = 0 AND t.tile_index = 1 - o.tile_index`, true),
  tampering('extra tile: one that is not full yet', 'TILE_UNEXPECTED', [512, 767], `INSERT INTO tiles SELECT $1, 0, 2, ${bytes(8192)}, ${bytes(32)}`, true),
  tampering('extra tile: far beyond the entries', 'TILE_UNEXPECTED', [2560, 2815], `INSERT INTO tiles SELECT $1, 0, 10, ${bytes(8192)}, ${bytes(32)}`, true),
  tampering('extra tile: of a level that is not reached', 'TILE_UNEXPECTED', [0, 65_535], `INSERT INTO tiles SELECT $1, 1, 0, ${bytes(8192)}, ${bytes(32)}`, true),
]);
