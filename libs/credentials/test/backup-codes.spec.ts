import { describe, expect, it } from '@jest/globals';
import { BACKUP_CODES, backupCodes, hashingAdmission } from '../src/index.js';
import { BackupCodes } from '../src/backup-codes.js';
import { admission } from './quick.js';

/** bcrypt's least. */
const COST = 4;

describe('backup codes', () => {
  it('are ten, each of which is accepted by its own hash alone', async () => {
    const codes = new BackupCodes(admission(), COST);
    const { texts, stored } = await codes.make();
    expect(texts).toHaveLength(BACKUP_CODES);
    expect(new Set(stored.map(({ id }) => id)).size).toBe(BACKUP_CODES);
    for (const [at, text] of texts.entries()) {
      expect(text).toMatch(/^[0-9a-hj-km-np-tv-z]{4}(-[0-9a-hj-km-np-tv-z]{4}){3}$/);
      expect(await codes.verify(text, stored)).toEqual({ verdict: 'accepted', id: stored[at]?.id });
    }
    const swapped = `${texts[0]!.slice(0, 4)}${texts[1]!.slice(4)}`;
    expect(await codes.verify(swapped, stored)).toEqual({ verdict: 'wrong' });
  });

  it('of another batch are wrong', async () => {
    const codes = new BackupCodes(admission(), COST);
    const [mine, yours] = [await codes.make(), await codes.make()];
    expect(await codes.verify(mine.texts[0]!, yours.stored)).toEqual({ verdict: 'wrong' });
    expect(await codes.verify(mine.texts[0]!, [])).toEqual({ verdict: 'wrong' });
  });

  it('are hashed by bcrypt at cost 10 by what the package exports', async () => {
    const { stored } = await backupCodes(hashingAdmission()).make();
    expect(stored.map(({ hash }) => hash.slice(0, 7))).toEqual(Array(BACKUP_CODES).fill('$2b$10$'));
  });

  it('wait behind the same admission as passwords', async () => {
    const full = admission(1, 0);
    let end: (() => void) | undefined;
    const job = full.run(() => new Promise<void>((resolve) => (end = resolve)));
    await expect(new BackupCodes(full, COST).verify('4f7k-9m2x-q8h3-t6wz', [])).rejects.toMatchObject({ code: 'HASHER_OVERLOADED' });
    end?.();
    await job;
  });
});
