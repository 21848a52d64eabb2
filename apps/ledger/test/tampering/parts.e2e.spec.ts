import type { FaultCode } from '@countersign/chain';
import { describeTampering, type Tampering } from '../fixture/tampering-cases.js';
import type { EntryRow } from '../fixture/superuser.js';
import { VERIFIED_SIZE, type Found, type TamperingFixture } from '../fixture/tampering-fixture.js';

// Entries whose index is a multiple of 3 have data, of 5 two personal parts.
const changed = (part: Buffer): Buffer => Buffer.from(part).fill(0x7e, part.length - 2, part.length - 1);

async function put({ superuser }: TamperingFixture, leafIndex: number, change: (row: EntryRow) => Partial<EntryRow>): Promise<void> {
  const row = (await superuser.entries())[leafIndex]!;
  const { data, personal } = { ...row, ...change(row) };
  await superuser.sql('UPDATE entries SET data_part = $3, personal_parts = $4 WHERE ledger_id = $1 AND leaf_index = $2', [leafIndex, data, personal]);
}

async function swapData(fixture: TamperingFixture, a: number, b: number): Promise<void> {
  const { entries } = fixture;
  await put(fixture, a, () => ({ data: entries[b]!.data }));
  await put(fixture, b, () => ({ data: entries[a]!.data }));
}

function tampering(attack: string, code: FaultCode, leafIndex: number, tamper: Tampering['tamper'], stranger: Found = [code, leafIndex]): Tampering {
  return { attack, code, firstIndex: leafIndex, inTail: leafIndex >= VERIFIED_SIZE, stranger, tamper };
}

describeTampering('parts', [
  tampering('data part edited', 'PART_ALTERED', 300, (f) => put(f, 300, ({ data }) => ({ data: changed(data!) }))),
  tampering('data part edited: of the last entry', 'PART_ALTERED', 699, (f) => put(f, 699, ({ data }) => ({ data: changed(data!) }))),
  tampering('data part cut short', 'PART_ALTERED', 300, (f) => put(f, 300, ({ data }) => ({ data: data!.subarray(0, -1) }))),
  tampering('data part emptied', 'PART_ALTERED', 300, (f) => put(f, 300, () => ({ data: Buffer.alloc(0) })), ['EXPORT_MALFORMED', 300]),
  tampering('personal part edited', 'PART_ALTERED', 650, (f) => put(f, 650, ({ personal }) => ({ personal: personal!.with(1, changed(personal![1]!)) }))),
  tampering('data parts of two entries swapped', 'PART_SWAPPED', 30, (f) => swapData(f, 30, 33)),
  { ...tampering('data parts of two distant entries swapped', 'PART_SWAPPED', 30, (f) => swapData(f, 30, 690)), inTail: true },
  tampering('personal parts of one entry swapped', 'PART_SWAPPED', 400, (f) => put(f, 400, ({ personal }) => ({ personal: personal!.toReversed() }))),
  tampering('data part deleted', 'PART_MISSING', 300, (f) => put(f, 300, () => ({ data: null }))),
  tampering('personal part deleted', 'PART_MISSING', 400, (f) => put(f, 400, ({ personal }) => ({ personal: personal!.with(0, null) }))),
  tampering('all personal parts deleted', 'PART_MISSING', 400, (f) => put(f, 400, () => ({ personal: null }))),
  tampering('data part added', 'PART_UNEXPECTED', 301, (f) => put(f, 301, () => ({ data: Buffer.from('more') }))),
  tampering('personal part added', 'PART_UNEXPECTED', 400, (f) => put(f, 400, ({ personal }) => ({ personal: [...personal!, Buffer.from('more')] }))),
]);
