import { execFile } from 'node:child_process';
import { mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { KEYS_IMPORT_PURPOSE, type LedgerView } from '@countersign/contracts';
import { fieldKey, sealField } from '@countersign/envelope';
import { KeysProcess } from '../fixture/keys-process.js';
import { ServiceProcess } from '../fixture/service-process.js';

const CLI = join(import.meta.dirname, '../../../cli/dist/main.js');

let ledger: ServiceProcess;
let keys: KeysProcess;
beforeAll(async () => {
  ledger = await ServiceProcess.start();
  keys = await KeysProcess.make(ledger.stack);
  await keys.start();
}, 60_000);
afterAll(async () => {
  await keys.stop();
  await ledger.stop();
});

const view = async (): Promise<LedgerView> => (await ledger.get('ledgers/acme')) as LedgerView;
const signedUpTo = (size: number): Promise<void> =>
  ledger.until(`a checkpoint covers ${size} entries`, async () => ((await view()).checkpoint?.treeSize ?? 0) >= size);

function countersign(...args: readonly string[]): Promise<{ code: number; said: Record<string, unknown> }> {
  const { url, users, publicKeys } = ledger.stack.nats;
  const place = ['--nats-url', url, '--operator-seed', users.operator, '--keys-public-key', publicKeys.keys, '--json'];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [CLI, ...args, ...place], { env: { PATH: process.env['PATH'], HOME: ledger.stateDir } }, (_error, out) => {
      resolve({ code: child.exitCode ?? -1, said: JSON.parse(out) as Record<string, unknown> });
    });
  });
}

describe('checkpoint keys of a ledger that signed for itself', () => {
  it('are handed over to the key service: the log goes on under the same public keys, and no other history is signed', async () => {
    await ledger.receiptsOf(await ledger.send('acme', 20));
    await signedUpTo(20);
    const { origin, vkeys } = await view();
    await ledger.halt();
    const keysDir = join(ledger.stateDir, 'keys');
    const checkpoint = join(ledger.stateDir, 'checkpoints', 'acme', 'checkpoint');
    const args = ['keys', 'import-signing', origin, '--keys-dir', keysDir, '--checkpoint', checkpoint];
    expect(await countersign('keys', 'import-signing', `${origin}x`, '--keys-dir', keysDir)).toMatchObject({ code: 1, said: { error: { code: 'USAGE' } } });
    expect(await countersign(...args)).toEqual({ code: 0, said: { ok: true, origin, vkeys, signedSize: 20 } });
    expect(await countersign(...args)).toMatchObject({ code: 4, said: { error: { code: 'KEY_EXISTS' } } });

    const away = join(ledger.stateDir, 'keys-before');
    await mkdir(away);
    for (const name of await readdir(keysDir)) if (name.startsWith('signing-keys.sealed.')) await rename(join(keysDir, name), join(away, name));
    await ledger.launch(keys.ledgerEnv);
    await ledger.receiptsOf(await ledger.send('acme', 5));
    await signedUpTo(25);
    expect((await view()).vkeys).toEqual(vkeys);
    expect((await ledger.verify('acme')).verdict).toBe('intact');
    expect((await ledger.verifiedExport('acme')).verified.treeSize).toBe(25);
    expect(await keys.auditOf('keys.signing-key.imported')).toEqual([expect.objectContaining({ actor: { type: 'service', id: 'operator' } })]);
  });

  it('are refused when they were changed, are sealed for another log, or did not sign the checkpoint', async () => {
    const { client } = keys.operator;
    const wrapped = await client.ask('wrap', { tenant: 'system', purpose: KEYS_IMPORT_PURPOSE });
    const transport = wrapped.result;
    const key = fieldKey({ keyId: transport.keyId, bytes: wrapped.keys[0]!, usesMax: 10 });
    const sealFor = (row: string, bytes: number): string => sealField(key, { tenant: 'system', table: 'signing-key', column: 'seeds', row }, Buffer.alloc(bytes, 7));
    const origin = 'ledger.example/other';
    const codeOf = (args: Parameters<typeof client.ask<'import-signing-key'>>[1]): Promise<string> => client.ask('import-signing-key', args).then(() => 'none', (error: { code: string }) => error.code);
    expect(await codeOf({ origin, transport, sealed: sealFor('ledger.example/another', 64) })).toBe('WRAPPED_KEY_INVALID');
    expect(await codeOf({ origin, transport, sealed: sealFor(origin, 63) })).toBe('WRAPPED_KEY_INVALID');
    const whole = sealFor(origin, 64);
    // One ciphertext in 256 ends so by itself.
    expect(await codeOf({ origin, transport, sealed: `${whole.slice(0, -2)}${whole.endsWith('AA') ? 'EA' : 'AA'}` })).toBe('WRAPPED_KEY_INVALID');
    const { checkpoint } = await view();
    expect(await codeOf({ origin, transport, sealed: sealFor(origin, 64), checkpoint: checkpoint!.note })).toBe('CHECKPOINT_INCONSISTENT');
    expect(await codeOf({ origin, transport, sealed: sealFor(origin, 64) })).toBe('none');
  });
});
