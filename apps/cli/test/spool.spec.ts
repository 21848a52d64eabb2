import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { openEmitter, type EmitterTransport } from '@countersign/client';
import { countersign, temporaryFolder } from './terminal.js';

const ID = '01890a5d-ac96-774b-bcce-b302099a8057';

/** A bus whose ledger refuses everything. */
function refusing(): EmitterTransport {
  let tell: (body: Uint8Array) => void = () => undefined;
  return {
    connected: true,
    onStatus: () => () => undefined,
    subscribe: (subject, deliver) => {
      if (subject.startsWith('ledger.refused.')) tell = deliver;
      return () => undefined;
    },
    publish: () => {
      setImmediate(() => tell(Buffer.from(JSON.stringify({ refusals: [{ id: ID, tenant: 'acme', code: 'EVENT_ID_REUSED', message: 'reused' }] }))));
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}

async function refusedSpool(dir: string): Promise<void> {
  const emitter = await openEmitter({ source: 'crm', spoolDir: join(dir, 'spool'), spoolKey: { passphrase: 'open sesame' }, transport: refusing(), segmentBytes: 256 * 1024 });
  await emitter.emit({ id: ID, tenant: 'acme', type: 'crm.thing.made', actor: { type: 'service', id: 'crm' }, data: { n: 1 } });
  await emitter.flush();
  await emitter.close();
}

describe('countersign spool kept', () => {
  it('prints what was refused, to whom has the key', async () => {
    const dir = temporaryFolder();
    await refusedSpool(dir);
    writeFileSync(join(dir, 'passphrase'), 'open sesame\n');
    const { exitCode, out, err } = await countersign(dir, ['spool', 'kept', 'spool', '--passphrase-file', 'passphrase']);
    expect([exitCode, err]).toEqual([0, '']);
    expect(JSON.parse(out)).toMatchObject({ kind: 'refused', refusal: { code: 'EVENT_ID_REUSED' }, event: { id: ID, data: { n: 1 } } });
    writeFileSync(join(dir, 'passphrase'), 'open barley\n');
    const other = await countersign(dir, ['spool', 'kept', 'spool', '--passphrase-file', 'passphrase']);
    expect([other.exitCode, other.out]).toEqual([1, '']);
    expect(other.err).toContain('does not open with this key');
  });
});
