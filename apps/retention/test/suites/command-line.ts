import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { wanted } from '@countersign/devstack';
import type { Stand } from '../fixture/stand.js';

const PROGRAM = join(import.meta.dirname, '../../../cli/dist/main.js');

/** `countersign retention`, as a program with a key of its own. */
export function commandLineSuite(open: () => Stand): void {
  describe('the command line', () => {
    let folder: string;
    let reader: readonly string[];
    beforeAll(async () => {
      const { admin: { browser }, origin, platform } = open();
      folder = mkdtempSync(join(tmpdir(), 'retention-cli-'));
      const { key } = wanted(await browser.post('/v1/account/api-keys', { name: 'command line', grants: [{ permission: 'retention.read', scope: 'global' }] }), 201).json as { key: string };
      writeFileSync(join(folder, 'key'), `${key}\n`);
      writeFileSync(join(folder, 'ca.pem'), platform.ca);
      reader = ['--json', '--api-key-file', join(folder, 'key'), '--edge-url', origin, '--edge-ca', join(folder, 'ca.pem')];
    }, 60_000);
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    const run = (...args: readonly string[]): Promise<{ readonly code: number | string; readonly said: unknown }> =>
      new Promise((done) => {
        const { NODE_OPTIONS: _jest, ...env } = process.env;
        execFile(process.execPath, [PROGRAM, 'retention', ...args, ...reader], { env }, (error, stdout) => done({ code: error?.code ?? 0, said: JSON.parse(stdout) as unknown }));
      });

    it('tries a change of a policy', async () => {
      const rule = JSON.stringify({ name: 'Devices', type: 'sign-in-device', dispose: { after: { days: 0 }, action: 'delete' } });
      expect(await run('dry-run', '--rule', rule, '--organization', 'home')).toEqual({
        code: 0,
        said: expect.objectContaining({ ok: true, needsApproval: true, isComplete: true, rulesMoved: false, groups: expect.arrayContaining([expect.objectContaining({ type: 'sign-in-device' })]) }),
      });
      expect(await run('dry-run', '--policy', 'none')).toMatchObject({ code: 4, said: { error: { code: 'POLICY_UNKNOWN' } } });
    });

    it('lists requests of data subjects and shows one, and answers none with a key', async () => {
      const person = await open().person();
      const { requestId } = wanted(await person.browser.post('/v1/account/privacy/correct', {}), 202).json as { requestId: string };
      const { said } = (await run('requests')) as { said: { requests: { requestId: string }[] } };
      expect(said.requests.map((one) => one.requestId)).toContain(requestId);
      expect(await run('requests', 'show', requestId)).toMatchObject({ code: 0, said: { request: { requestId, kind: 'correct', subject: person.account.userId } } });
      expect(await run('requests', 'show', 'none')).toMatchObject({ code: 4, said: { error: { code: 'SUBJECT_REQUEST_UNKNOWN' } } });
      expect(await run('requests', 'refuse', requestId, '--reason', 'a test')).toMatchObject({ code: 4, said: { error: { code: 'FORBIDDEN' } } });
    });
  });
}
