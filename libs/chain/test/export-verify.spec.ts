import { describe, expect, it } from '@jest/globals';
import { ChainFault, EMPTY_ROOT, ExportVerifier, sha256Hex, verifyExport } from '../src/index.js';
import type { ExportedEntry, FaultCode, VerifyExportOptions } from '../src/index.js';
import { ORIGIN, TENANT, VKEYS, exportOf, ledgerOf, noteOf, rewrittenFrom, shortNoteOf } from './export-fixture.js';

interface Judged {
  readonly code: FaultCode | 'intact';
  readonly leafIndex: number | undefined;
}

function judge(file: Uint8Array, options: Partial<VerifyExportOptions> = {}): Judged {
  const verifier = new ExportVerifier({ vkeys: VKEYS, ...options });
  try {
    verifier.push(file);
    verifier.finish();
    return { code: 'intact', leafIndex: undefined };
  } catch (fault) {
    if (fault instanceof ChainFault) return { code: fault.code, leafIndex: fault.detail.leafIndex };
    throw fault;
  }
}

const fault = (code: FaultCode, leafIndex?: number): Judged => ({ code, leafIndex });
const ledger = ledgerOf(7);
const file = exportOf(ledger);
const text = file.toString('utf8');
/** Entry 2 changed, everything after it chained and signed anew. */
const rewritten = rewrittenFrom(ledger, 2, (entry) => entry.replace('"success"', '"failure"'));
const lines = text.split('\n').slice(0, -1);

/** The file with its digest line made to fit again, as a forger would. */
function redigested(changed: string): Buffer {
  const body = changed.slice(0, changed.lastIndexOf('{"sha256":'));
  return Buffer.from(`${body}{"sha256":"${sha256Hex(body)}"}\n`);
}

function edited(entries: readonly ExportedEntry[], index: number, from: string | RegExp, to: string): ExportedEntry[] {
  return entries.map((stored, i) => (i === index ? { ...stored, entry: Buffer.from(stored.entry.toString('utf8').replace(from, to)) } : stored));
}

/** As a forger exports them: header and digest fit, the signed note is the true one of the whole ledger. */
const forged = (entries: readonly ExportedEntry[]): Judged => judge(exportOf(ledger, { entries }));

describe('an export that nobody touched', () => {
  it.each([0, 1, 2, 7, 300])('verifies with %i entries', async (size) => {
    const whole = ledgerOf(size);
    const result = await verifyExport([exportOf(whole)], { vkeys: VKEYS });
    expect(result).toMatchObject({ origin: ORIGIN, tenant: TENANT, treeSize: size, note: expect.stringContaining(`\n${size}\n`) });
    expect(result.root.equals(whole.edges[size]!.root())).toBe(true);
    expect(result.checkpoint.verifiedBy).toHaveLength(2);
  });

  it('verifies in chunks of any size', async () => {
    for (const bytes of [1, 2, 7, 64, 1000, file.length]) {
      const chunks = Array.from({ length: Math.ceil(file.length / bytes) }, (_, i) => file.subarray(i * bytes, (i + 1) * bytes));
      expect((await verifyExport(chunks, { vkeys: VKEYS })).treeSize).toBe(7);
    }
  });

  it('says what its last line says', async () => {
    const { sha256, lastRecordedAt } = await verifyExport([file], { vkeys: VKEYS });
    expect(sha256).toBe(sha256Hex(text.slice(0, text.lastIndexOf('{"sha256":'))));
    expect(lastRecordedAt).toBe('2026-11-22T10:00:01.006Z');
  });

  it('verifies with one of the two keys alone', () => {
    expect(judge(file, { vkeys: VKEYS.slice(0, 1) }).code).toBe('intact');
    expect(judge(file, { vkeys: VKEYS.slice(1) }).code).toBe('intact');
  });

  it('does not verify without a key', () => {
    expect(judge(file, { vkeys: [] })).toEqual(fault('CHECKPOINT_SIGNATURE_MISSING'));
  });

  it('is no other ledger’s', () => {
    expect(judge(file, { vkeys: VKEYS.map((vkey) => ({ ...vkey, name: 'audit.example.com/other' })) })).toEqual(fault('CHECKPOINT_ORIGIN_MISMATCH'));
  });
});

describe('every single byte', () => {
  const short = exportOf(ledger, { note: shortNoteOf(ledger) });
  const key = { vkeys: VKEYS.slice(0, 1) };

  it('is covered: whatever it is changed to, verification fails', () => {
    expect(judge(short, key).code).toBe('intact');
    const escaped: string[] = [];
    for (let at = 0; at < short.length; at++) {
      const own = short[at]!;
      for (const other of [own ^ 0x01, own ^ 0x20, own ^ 0x80, 0x0a]) {
        if (other === own) continue;
        short[at] = other;
        if (judge(short, key).code === 'intact') escaped.push(`byte ${at} as ${other}`);
      }
      short[at] = own;
    }
    expect(escaped).toEqual([]);
  });

  it('is needed: a file cut anywhere is not whole', () => {
    for (let end = 0; end < short.length; end++) expect(judge(short.subarray(0, end), key).code).toBe('EXPORT_TRUNCATED');
  });

  it('is enough: nothing may follow', () => {
    for (const more of ['\n', ' ', '{}\n', short.toString('utf8')]) {
      expect(judge(Buffer.concat([short, Buffer.from(more)]), key)).toEqual(fault('EXPORT_MALFORMED'));
    }
  });

  it('of the post-quantum signature counts too', () => {
    const copy = Buffer.from(file);
    const start = copy.indexOf('—', copy.indexOf('—') + 3);
    for (let at = start + 60; at < start + 3200; at += 97) {
      const own = copy[at]!;
      copy[at] = own === 0x41 ? 0x42 : 0x41;
      expect(judge(copy)).toEqual(fault('CHECKPOINT_SIGNATURE_INVALID'));
      copy[at] = own;
    }
  });
});

describe('one changed place has its own fault', () => {
  const changes: readonly (readonly [where: string, from: string, to: string, expected: Judged])[] = [
    ['the format', 'countersign-export/1', 'countersign-export/2', fault('EXPORT_MALFORMED')],
    ['a space in the header', '"origin":', '"origin": ', fault('EXPORT_MALFORMED')],
    ['the origin in the header', `"origin":"${ORIGIN}"`, '"origin":"audit.example.com/acne"', fault('CHECKPOINT_ORIGIN_MISMATCH')],
    ['the tenant in the header', '"tenant":"acme","treeSize"', '"tenant":"acne","treeSize"', fault('EXPORT_MALFORMED')],
    ['the size in the header, smaller', '"treeSize":7', '"treeSize":6', fault('EXPORT_MALFORMED')],
    ['the size in the header, larger', '"treeSize":7', '"treeSize":9', fault('EXPORT_MALFORMED')],
    ['an index', '"index":3,', '"index":4,', fault('ENTRY_INDEX_MISMATCH', 3)],
    ['an outcome', '"index":3,"outcome":"success"', '"index":3,"outcome":"succes5"', fault('ENTRY_MALFORMED', 3)],
    ['an actor', 'ü\\\\\\"3', 'ü\\\\\\"4', fault('ENTRY_ALTERED', 3)],
    ['the actor of the first entry', '"id":"user-0"', '"id":"user-1"', fault('ENTRY_ALTERED', 0)],
    ['the actor of the last entry but one', '"id":"user-5"', '"id":"user-6"', fault('ENTRY_ALTERED', 5)],
    ['the actor of the last entry', '{"actor":{"id":"user-6"', '{"actor":{"id":"user-7"', fault('ROOT_MISMATCH')],
    ['a quote', '"v":1}', '"v":1"', fault('EXPORT_MALFORMED', 0)],
    ['the list of parts', ',"parts":["', ',"parts"["', fault('EXPORT_MALFORMED', 0)],
    ['an entry line’s name', '{"entry":{', '{"entri":{', fault('EXPORT_MALFORMED', 0)],
    ['the checkpoint’s name', '{"checkpoint":', '{"checkpoins":', fault('EXPORT_MALFORMED', 7)],
    ['the size in the checkpoint', 'acme\\n7\\n', 'acme\\n8\\n', fault('CHECKPOINT_SIGNATURE_INVALID')],
    ['the origin in the checkpoint', '{"checkpoint":"audit', '{"checkpoint":"Audit', fault('CHECKPOINT_ORIGIN_MISMATCH')],
    ['the name of a signature', '— audit', '— Audit', fault('CHECKPOINT_SIGNATURE_MISSING')],
    ['the dash of a signature', '— ', '- ', fault('NOTE_MALFORMED')],
  ];

  it.each(changes)('%s', (_where, from, to, expected) => {
    expect(text).toContain(from);
    expect(judge(redigested(text.replace(from, () => to)))).toEqual(expected);
  });

  it('a part', () => {
    const line = lines[3]!;
    const at = line.lastIndexOf(',"parts":["') + 30;
    const changed = line.slice(0, at) + (line[at] === 'A' ? 'B' : 'A') + line.slice(at + 1);
    expect(judge(redigested(text.replace(line, () => changed)))).toEqual(fault('PART_ALTERED', 2));
  });

  it('the last line’s digest, when all else holds', () => {
    const at = text.lastIndexOf('"}\n') - 1;
    const changed = text.slice(0, at) + (text[at] === '0' ? '1' : '0') + text.slice(at + 1);
    expect(judge(Buffer.from(changed))).toEqual(fault('EXPORT_DIGEST_MISMATCH'));
  });

  it('a signature that no given key made, which only the digest covers', () => {
    const at = text.lastIndexOf('\\n"}') - 10;
    const changed = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
    expect(judge(Buffer.from(changed), { vkeys: VKEYS.slice(0, 1) })).toEqual(fault('EXPORT_DIGEST_MISMATCH'));
  });

  it('a byte that is no UTF-8', () => {
    const copy = Buffer.from(file);
    copy[copy.indexOf('ü') + 1] = 0x20;
    expect(judge(copy)).toEqual(fault('EXPORT_MALFORMED', 3));
  });
});

describe('a forged export whose header and digest fit', () => {
  const { entries } = ledger;

  it.each([
    ['an entry left out', entries.filter((_, i) => i !== 3), fault('ENTRY_INDEX_MISMATCH', 3)],
    ['two entries swapped', [...entries.slice(0, 2), entries[3]!, entries[2]!, ...entries.slice(4)], fault('ENTRY_INDEX_MISMATCH', 2)],
    ['an entry twice', [...entries.slice(0, 4), ...entries.slice(3)], fault('ENTRY_INDEX_MISMATCH', 4)],
    ['the tail cut', entries.slice(0, 5), fault('TAIL_MISSING', 5)],
    ['everything cut', [], fault('TAIL_MISSING', 0)],
    ['an entry edited', edited(entries, 2, '"info"', '"alert"'), fault('ENTRY_ALTERED', 2)],
    ['the link of an entry edited', edited(entries, 4, /("previousEventHash":").{8}/, '$100000000'), fault('ENTRY_ALTERED', 4)],
    ['the tenant of one entry edited', edited(entries, 2, '"tenant":"acme"', '"tenant":"acne"'), fault('ENTRY_TENANT_MISMATCH', 2)],
    ['the tenant of the first entry edited', edited(entries, 0, '"tenant":"acme"', '"tenant":"acne"'), fault('ENTRY_TENANT_MISMATCH', 0)],
    ['a part withheld', entries.map((e, i) => (i === 2 ? { ...e, data: null } : e)), fault('PART_MISSING', 2)],
    ['a part added', entries.map((e, i) => (i === 4 ? { ...e, personal: [...e.personal, Buffer.from('more')] } : e)), fault('PART_UNEXPECTED', 4)],
    ['the parts of two entries swapped', entries.map((e, i) => (i === 1 ? { ...e, data: entries[3]!.data } : i === 3 ? { ...e, data: entries[1]!.data } : e)), fault('PART_SWAPPED', 1)],
    ['an entry of white space', edited(entries, 1, '{"actor"', '{ "actor"'), fault('EXPORT_MALFORMED', 1)],
    ['an entry with a needless escape', edited(entries, 1, '"user-1"', '"\\u0075ser-1"'), fault('EXPORT_MALFORMED', 1)],
    ['an entry with a raw tab', edited(entries, 1, '"user-1"', '"\tser-1"'), fault('EXPORT_MALFORMED', 1)],
    ['an entry with a field more', edited(entries, 1, ',"v":1', ',"u":1,"v":1'), fault('ENTRY_MALFORMED', 1)],
  ])('%s', (_what, changed, expected) => {
    expect(forged(changed)).toEqual(expected);
  });

  it('everything written anew', () => {
    expect(judge(exportOf(rewritten, { note: noteOf(ledger) }))).toEqual(fault('ROOT_MISMATCH'));
  });

  it('more entries than the checkpoint covers', () => {
    expect(judge(exportOf(ledgerOf(9), { note: noteOf(ledger) }))).toEqual(fault('ENTRY_BEYOND_HEAD', 7));
  });

  it('another ledger’s entries under this header', () => {
    expect(judge(exportOf(ledgerOf(7, { origin: 'audit.example.com/other' }), { note: noteOf(ledger) }))).toEqual(fault('CHAIN_LINK_BROKEN', 0));
  });
});

describe('the last tree that this verifier saw', () => {
  const seen = (treeSize: number): VerifyExportOptions['lastSeen'] => ({ treeSize, root: ledger.edges[treeSize]!.root() });

  it.each([0, 1, 4, 6, 7])('of %i entries is a part of this one', (size) => {
    expect(judge(file, { lastSeen: seen(size) }).code).toBe('intact');
  });

  it('was larger: rolled back', () => {
    const older = exportOf(ledgerOf(5), { note: noteOf(ledgerOf(5)) });
    expect(judge(older, { lastSeen: seen(7) })).toEqual(fault('LEDGER_ROLLED_BACK'));
  });

  it('was another one, though the operator signed both: rewritten', () => {
    const other = exportOf(rewritten);
    expect(judge(other).code).toBe('intact');
    expect(judge(other, { lastSeen: seen(5) })).toEqual(fault('HISTORY_REWRITTEN'));
    expect(judge(other, { lastSeen: seen(2) }).code).toBe('intact');
  });

  it('of no entries has one root only', () => {
    expect(judge(file, { lastSeen: { treeSize: 0, root: EMPTY_ROOT } }).code).toBe('intact');
    expect(judge(file, { lastSeen: { treeSize: 0, root: Buffer.alloc(32) } })).toEqual(fault('HISTORY_REWRITTEN'));
  });
});

describe('limits', () => {
  it('refuse a line without end before it fills memory', () => {
    const verifier = new ExportVerifier({ vkeys: VKEYS });
    const piece = Buffer.alloc(65_536, 0x61);
    let pieces = 0;
    const feed = (): void => {
      for (; pieces < 100; pieces++) verifier.push(piece);
    };
    expect(feed).toThrow('a line of over 524288 bytes');
    expect(pieces).toBe(8);
  });
});
