import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { buffer } from 'node:stream/consumers';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseVkey, sha256Hex } from '@countersign/chain';
import { verifyCertificate } from '@countersign/certificates';
import type { ErasureStatement, RetentionOutcome, SubjectRequestView } from '@countersign/contracts';
import { CanaryScan, tablesWith, wanted } from '@countersign/devstack';
import { withClient } from '@countersign/postgres';
import yauzl from 'yauzl';
import { found, Stand, type Person } from './fixture/stand.js';

const HELD = 'a legal hold forbids erasing it; it is erased when the hold is over';
const DATABASES = ['identity', 'ledger', 'retention', 'keys', 'keys_subjects'];
let stand: Stand;
beforeAll(async () => {
  stand = await Stand.open();
}, 120_000);
afterAll(() => stand.close(), 60_000);

const requestsOf = async ({ browser }: Person): Promise<SubjectRequestView[]> => wanted(await browser.get('/v1/account/privacy/requests'), 200).json['requests'] as SubjectRequestView[];
const settled = (person: Person, requestId: string, state: string) => found(`the request is ${state}`, async () => (await requestsOf(person)).find((one) => one.requestId === requestId && one.state === state));

async function filesIn(zip: Buffer): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  const reader = await yauzl.fromBufferPromise(zip);
  for await (const entry of reader.eachEntry()) files[entry.fileName] = (await buffer(await reader.openReadStreamPromise(entry))).toString();
  return files;
}

const PROGRAM = join(import.meta.dirname, '../../cli/dist/main.js');

/** As somebody does who has the archive, the program, and a key that he got elsewhere. */
async function verifiedOffline(bytes: Buffer, files: Record<string, string>, vkey: string, { userId, email }: Person['account']): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'archive-'));
  const run = (zip: Buffer): Promise<{ readonly code: number | string; readonly said: Record<string, unknown> }> =>
    new Promise((done) => {
      writeFileSync(join(folder, 'export.zip'), zip);
      const { NODE_OPTIONS: _jest, ...env } = process.env;
      execFile(process.execPath, [PROGRAM, 'retention', 'archive', 'verify', join(folder, 'export.zip'), '--json', '--key', vkey], { env }, (error, stdout) => done({ code: error?.code ?? 0, said: JSON.parse(stdout) as Record<string, unknown> }));
    });
  try {
    const entries = files['data/ledger.jsonl']!.trimEnd().split('\n');
    const { code, said } = await run(bytes);
    expect({ code, said }).toMatchObject({ code: 0, said: { ok: true, subject: userId, proofs: entries.length } });
    expect(entries.length).toBeGreaterThan(0);
    expect((said['parts'] as { certified: number }).certified).toBeGreaterThan(0);
    expect(files['data/ledger.jsonl']).toContain(email);
    const altered = Buffer.from(bytes);
    altered[bytes.indexOf('data/ledger.jsonl') + 40]! ^= 1;
    expect(await run(altered)).toMatchObject({ code: 2, said: { ok: false, error: { file: 'data/ledger.jsonl' } } });
    expect(files['index.html']).not.toMatch(/<script|href=|src=|http:/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('whoever has an account', () => {
  it('sees what is kept, gets all of it as an archive by a link of minutes, and it says what it holds', async () => {
    const person = await stand.person();
    const { types } = wanted(await person.browser.get('/v1/account/privacy'), 200).json as { types: { holder: string; type: string; onErasure: string; reason?: string }[] };
    expect(types).toContainEqual(expect.objectContaining({ holder: 'identity', type: 'account', onErasure: 'scrubbed' }));
    const { requestId, dueAt, receivedAt } = wanted(await person.browser.post('/v1/account/privacy/export', {}), 202).json as unknown as SubjectRequestView;
    expect(Date.parse(dueAt) - Date.parse(receivedAt)).toBeGreaterThan(27 * 86_400_000);
    const ready = await settled(person, requestId, 'ready');
    const { url, vkey } = wanted(await person.browser.post(`/v1/account/privacy/requests/${requestId}/link`), 200).json as { url: string; vkey: string };
    const zip = wanted(await person.browser.get(url), 200);
    const bytes = zip.bytes;
    expect({ bytes: bytes.length, digest: sha256Hex(bytes) }).toEqual({ bytes: ready.file!.bytes, digest: ready.file!.digest });
    const files = await filesIn(bytes);
    expect(Object.keys(files)).toEqual(['data/identity.jsonl', 'data/ledger.jsonl', 'data/reported.jsonl', 'index.html', 'manifest.json', 'manifest.note']);
    expect(files['data/identity.jsonl']).toContain(person.account.email);
    await verifiedOffline(bytes, files, vkey, person.account);
    const handed = await found('the download is on record', async () => (await stand.recorded('retention.file.handed-out'))[0]);
    expect(handed.parts.find(({ name }) => name === 'data')?.value).toEqual({ requestId });
    expect(wanted(await person.browser.get(`${url.slice(0, -2)}AA`), 403).json.code).toBe('FILE_LINK_INVALID');
  });

  it('asks once: the same again is the same request, for nobody else to see', async () => {
    const [person, other] = [await stand.person(), await stand.person()];
    const opened = await Promise.all([1, 2, 3].map(() => person.browser.post('/v1/account/privacy/correct', { details: 'my name is spelled otherwise' })));
    const ids = opened.map((answer) => wanted(answer, 202).json['requestId'] as string);
    expect(new Set(ids).size).toBe(1);
    expect(wanted(await other.browser.post(`/v1/account/privacy/requests/${ids[0]!}/withdraw`), 404).json.code).toBe('SUBJECT_REQUEST_UNKNOWN');
    await settled(person, ids[0]!, 'waiting');
    wanted(await person.browser.post(`/v1/account/privacy/requests/${ids[0]!}/withdraw`), 204);
    expect(await requestsOf(person)).toMatchObject([{ state: 'withdrawn' }]);
  });

  it('is restricted on record at once, until it is answered or withdrawn', async () => {
    const person = await stand.person();
    const restricted = (): Promise<number> => withClient(stand.stack.databaseUrl('retention'), async (client) => (await client.query('SELECT FROM restrictions WHERE subject = $1', [person.account.userId])).rowCount ?? 0);
    const { requestId } = wanted(await person.browser.post('/v1/account/privacy/restrict', {}), 202).json as unknown as SubjectRequestView;
    await settled(person, requestId, 'waiting');
    expect(await restricted()).toBe(1);
    wanted(await person.browser.post(`/v1/account/privacy/requests/${requestId}/withdraw`), 204);
    expect(await restricted()).toBe(0);
    const again = wanted(await person.browser.post('/v1/account/privacy/restrict', {}), 202).json as unknown as SubjectRequestView;
    await settled(person, again.requestId, 'waiting');
    wanted(await stand.admin.browser.post(`/v1/privacy/requests/${again.requestId}/complete`, { outcome: 'taken out of every mailing' }), 204);
    expect((await requestsOf(person)).find(({ requestId: id }) => id === again.requestId)?.state).toBe('completed');
    expect(await restricted()).toBe(1);
  });

  it('stays restricted until he was told when his demand is refused', async () => {
    const person = await stand.person();
    const { requestId } = wanted(await person.browser.post('/v1/account/privacy/restrict', {}), 202).json as unknown as SubjectRequestView;
    await settled(person, requestId, 'waiting');
    wanted(await stand.admin.browser.post(`/v1/privacy/requests/${requestId}/refuse`, { reason: 'no ground for it' }), 204);
    const { isRestricted, restriction } = wanted(await person.browser.get('/v1/account/privacy'), 200).json as { isRestricted: boolean; restriction: { liftsAt: string; reason: string } };
    expect({ isRestricted, reason: restriction.reason, days: Math.round((Date.parse(restriction.liftsAt) - Date.now()) / 86_400_000) }).toEqual({ isRestricted: true, reason: 'no ground for it', days: 14 });
  });

  it('has what is about him kept, whatever policies say, until that is lifted, of which he learns before; or lifts it himself', async () => {
    const [person, { browser: admin }] = [await stand.person(), stand.admin];
    const { userId } = person.account;
    const { requestId } = wanted(await person.browser.post('/v1/account/privacy/restrict', {}), 202).json as unknown as SubjectRequestView;
    await settled(person, requestId, 'waiting');
    const explained = async () => wanted(await admin.get(`/v1/organizations/home/retention/explain?type=session&id=s1&class=security&subject=${userId}&created=2020-01-01T00:00:00Z&closed=2020-02-01T00:00:00Z`), 200).json as unknown as RetentionOutcome;
    const shown = async () => wanted(await person.browser.get('/v1/account/privacy'), 200).json as { isRestricted: boolean; restriction?: { since: string; liftsAt?: string; reason?: string } };
    expect(await explained()).toMatchObject({ verdict: 'held', reasons: [{ code: 'SUBJECT_RESTRICTED', id: requestId }, {}] });
    expect((await admin.post('/v1/privacy/requests', { kind: 'delete', tenant: 'system', subject: userId })).json.code).toBe('SUBJECT_RESTRICTED');
    wanted(await admin.post(`/v1/privacy/requests/${requestId}/complete`, { outcome: 'taken out of every mailing' }), 204);
    const { restrictions } = wanted(await admin.get('/v1/privacy/restrictions'), 200).json as { restrictions: { subject: string; requestId: string }[] };
    expect(restrictions.find(({ subject }) => subject === userId)).toMatchObject({ tenant: 'system', requestId });
    const { liftsAt } = wanted(await admin.post(`/v1/privacy/requests/${requestId}/lift`, { reason: 'accuracy was verified' }), 200).json as { liftsAt: string };
    expect(Math.round((Date.parse(liftsAt) - Date.now()) / 86_400_000)).toBe(14);
    expect(await shown()).toMatchObject({ isRestricted: true, restriction: { liftsAt, reason: 'accuracy was verified' } });
    expect(await explained()).toMatchObject({ verdict: 'held', until: liftsAt });
    expect((await admin.post(`/v1/privacy/requests/${requestId}/lift`, { reason: 'again' })).json.code).toBe('RESTRICTION_UNKNOWN');
    wanted(await person.browser.post('/v1/account/privacy/restriction/lift'), 200);
    expect([(await shown()).isRestricted, (await explained()).verdict]).toEqual([false, 'due']);
    expect((await person.browser.post('/v1/account/privacy/restriction/lift')).json.code).toBe('RESTRICTION_UNKNOWN');
    await found('both are on record', async () => ((await stand.recorded('retention.restriction.lifted')).length >= 2 && (await stand.recorded('retention.restriction.placed')).length >= 1 ? true : undefined));
  });

  it('is told to nobody else by identity, written to by nobody and given nothing while it is restricted, also without retention and after restarts', async () => {
    const [person, { browser: admin }] = [await stand.person(), stand.admin];
    const { stack, platform: { identity, retention } } = stand;
    const { userId, email } = person.account;
    wanted(await admin.post('/v1/organizations', { organization: 'readers', name: 'Readers' }), 204);
    wanted(await admin.post('/v1/organizations', { organization: 'hosts', name: 'Hosts' }), 204);
    wanted(await admin.post(`/v1/admin/users/${userId}/roles`, { role: 'member', organization: 'readers' }), 204);
    const inOrganization = async (path: string, list: string) => (wanted(await admin.get(`/v1/organizations/${path}`), 200).json as Record<string, Record<string, unknown>[]>)[list]!;
    const told = async () => {
      const { email: address, name } = wanted(await admin.get(`/v1/admin/users/${userId}`), 200).json;
      const found = (wanted(await admin.get(`/v1/admin/users?email=${encodeURIComponent(email)}`), 200).json as { users: unknown[] }).users.length;
      const [session] = (wanted(await admin.get(`/v1/admin/users/${userId}/sessions`), 200).json as { sessions: { ip?: string; userAgent?: string }[] }).sessions;
      const member = (await inOrganization('readers/members', 'members')).find((one) => one['userId'] === userId)!;
      return [address, name, found === 1 ? found : undefined, session!.ip, session!.userAgent, member['email'], member['name']].filter((one) => one !== undefined).length;
    };
    const invite = async () => wanted(await admin.post('/v1/organizations/hosts/invitations', { email }), 201).json['invitationId'] as string;
    const isMailed = (id: string) => withClient(stack.databaseUrl('identity'), async (client) => (await client.query('SELECT FROM mails WHERE subject = $1', [`invitee-${id}`])).rowCount === 1);
    const before = await invite();
    const invited = async (id: string) => (await inOrganization('hosts/invitations', 'invitations')).find((one) => one['invitationId'] === id)?.['email'];
    expect([await told(), await invited(before), await isMailed(before)]).toEqual([7, email, true]);
    wanted(await person.browser.post('/v1/account/privacy/restrict', {}), 202);
    await found('identity knows', async () => (await told()) === 0 || undefined);
    expect(wanted(await admin.get(`/v1/admin/users/${userId}`), 200).json).toMatchObject({ userId, isRestricted: true, state: 'active' });
    const during = await invite();
    expect([await invited(before), await isMailed(during)]).toEqual([undefined, false]);
    expect((await admin.post(`/v1/admin/users/${userId}/roles`, { role: 'auditor' })).json.code).toBe('SUBJECT_RESTRICTED');
    expect((await admin.post(`/v1/admin/users/${userId}/roles`, { role: 'admin', organization: 'readers' })).json.code).toBe('SUBJECT_RESTRICTED');
    // Himself he sees and does everything; and what he holds may be taken.
    expect(wanted(await person.browser.get('/v1/account/profile'), 200).json).toMatchObject({ email });
    wanted(await person.browser.ask('PATCH', '/v1/account/profile', { body: { name: 'Another Name' } }), 204);
    wanted(await admin.post(`/v1/admin/users/${userId}/roles/revoke`, { role: 'member', organization: 'readers' }), 204);
    wanted(await admin.get('/v1/admin/users'), 200);
    await Promise.all([retention.kill(), identity.stop()]);
    await identity.start();
    expect(wanted(await admin.get(`/v1/admin/users/${userId}`), 200).json['email']).toBeUndefined();
    await retention.start();
    wanted(await person.browser.post('/v1/account/privacy/restriction/lift'), 200);
    await found('identity knows that it is over', async () => wanted(await admin.get(`/v1/admin/users/${userId}`), 200).json['email'] === email || undefined);
    wanted(await admin.post(`/v1/organizations/hosts/invitations/${during}/resend`), 200);
    expect([await invited(during), await isMailed(during)]).toEqual([email, true]);
  });

  it('is not erased when he has asked for it to be kept afterwards, and is when he asks again', async () => {
    const person = await stand.person();
    const { userId } = person.account;
    wanted(await stand.admin.browser.post('/v1/privacy/requests', { kind: 'delete', tenant: 'system', subject: userId }), 201);
    const [{ requestId }] = (await requestsOf(person)) as [SubjectRequestView];
    const restriction = wanted(await person.browser.post('/v1/account/privacy/restrict', {}), 202).json as unknown as SubjectRequestView;
    await settled(person, restriction.requestId, 'waiting');
    wanted(await stand.admin.browser.post(`/v1/privacy/requests/${requestId}/verify`, { how: 'a letter' }), 204);
    expect((await settled(person, requestId, 'held')).reason).toBe('you have asked since for it to be kept and not used; it is erased when that is over');
  });

  it('is not erased while a hold names it, and is told so', async () => {
    const person = await stand.person();
    wanted(await stand.admin.browser.post('/v1/retention/holds', { matter: 'Case 7', scope: { subjects: [person.account.userId] }, reason: 'a claim' }), 201);
    const { requestId } = wanted(await person.browser.post('/v1/account/privacy/delete', {}), 202).json as unknown as SubjectRequestView;
    expect((await settled(person, requestId, 'held')).reason).toBe('a legal hold forbids erasing it; it is erased when the hold is over');
    wanted(await person.browser.get('/v1/account/privacy'), 200);
  });

  it('is erased but for what a hold covers, with the reason; that goes by itself once the hold and its announcement are over', async () => {
    const [person, other] = [await stand.person(), await stand.person()];
    const { email, userId } = person.account;
    const retention = <T>(work: (client: Parameters<Parameters<typeof withClient>[1]>[0]) => Promise<T>): Promise<T> => withClient(stand.stack.databaseUrl('retention'), work);
    const { holdId } = wanted(await stand.admin.browser.post('/v1/retention/holds', { matter: 'Case 8', scope: { types: ['session'] }, reason: 'a claim' }), 201).json as { holdId: string };
    const { types } = wanted(await person.browser.get('/v1/account/privacy'), 200).json as { types: { type: string; onErasure: string; reason?: string }[] };
    expect(types.find(({ type }) => type === 'session')).toMatchObject({ onErasure: 'kept', reason: HELD });
    const { certificateUrl, requestId } = wanted(await person.browser.post('/v1/account/privacy/delete', {}), 202).json as unknown as SubjectRequestView & { certificateUrl: string };
    const certificateOf = (request: (id: string) => boolean) => found('the certificate', async () => {
      const answer = await other.browser.get(certificateUrl);
      if (answer.status !== 200) return undefined;
      const { certificate, vkey } = answer.json as unknown as { certificate: string; vkey: string };
      const statement = verifyCertificate(certificate, [parseVkey(vkey)]).statement as unknown as ErasureStatement;
      return request(statement.request) ? statement : undefined;
    });
    const first = await certificateOf((id) => id === requestId);
    expect(first.scrubbed).toContainEqual(expect.objectContaining({ type: 'account', action: 'scrubbed' }));
    expect(first.scrubbed.map(({ type }) => type)).not.toContain('session');
    expect(first.kept).toContainEqual(expect.objectContaining({ holder: 'identity', type: 'session', reason: HELD }));
    expect(first.kept.map(({ type }) => type)).toContain('subject-key');
    expect(first.keys.some(({ tenant }) => tenant === 'system')).toBe(false);
    const sessions = () => withClient(stand.stack.databaseUrl('identity'), async (client) => (await client.query('SELECT FROM sessions WHERE user_id = $1', [userId])).rowCount);
    expect(await sessions()).toBeGreaterThan(0);
    wanted(await person.browser.get('/v1/account/profile'), 401);
    expect((await person.browser.post('/v1/sign-in', { email, password: person.account.password })).status).toBe(401);
    // Released, and announced still: nothing goes on.
    const released = (days: number) => retention(async (client) => {
      await client.query(`UPDATE holds SET placed_at = now() - interval '30 days', release_asked_by = 'y', release_asked_at = now() - interval '29 days', released_by = 'x', released_at = now() - $2 * interval '1 day' WHERE hold_id = $1`, [holdId, days]);
      await client.query('UPDATE erasure_remainders SET next_at = now() WHERE request_id = $1', [requestId]);
    });
    await released(1);
    await found('it was looked at', () => retention(async (client) => (await client.query('SELECT FROM erasure_remainders WHERE request_id = $1 AND next_at > now()', [requestId])).rowCount === 1 || undefined));
    expect(await sessions()).toBeGreaterThan(0);
    await released(15);
    const second = await certificateOf((id) => id !== requestId);
    expect(second.scrubbed.map(({ type }) => type)).toContain('session');
    expect(second.keys.some(({ tenant }) => tenant === 'system')).toBe(true);
    expect(second.kept.map(({ type }) => type)).not.toContain('session');
    expect(await sessions()).toBe(0);
    expect(await retention(async (client) => (await client.query<{ n: string }>('SELECT count(*) AS n FROM erasure_remainders WHERE request_id = $1', [requestId])).rows[0]!.n)).toBe('0');
  });

  it('is erased: signed out for good, found in no database, and can prove it with a certificate', async () => {
    const [person, other] = [await stand.person(), await stand.person()];
    const { email, userId } = person.account;
    const name = 'Wilhelmina Quillfeather-Ostrakova';
    wanted(await person.browser.ask('PATCH', '/v1/account/profile', { body: { name } }), 204);
    for (const kind of ['correct', 'restrict', 'export']) wanted(await person.browser.post(`/v1/account/privacy/${kind}`, {}), 202);
    const { certificateUrl, requestId } = wanted(await person.browser.post('/v1/account/privacy/delete', {}), 202).json as unknown as SubjectRequestView & { certificateUrl: string };
    const { certificate, vkey } = await found('the certificate', async () => {
      const answer = await other.browser.get(certificateUrl);
      return answer.status === 200 ? (answer.json as unknown as { certificate: string; vkey: string }) : undefined;
    });
    const { kind, statement } = verifyCertificate(certificate, [parseVkey(vkey)]);
    const said = statement as unknown as ErasureStatement;
    expect({ kind, subject: said.subject, request: said.request }).toEqual({ kind: 'erasure', subject: userId, request: requestId });
    expect(said.scrubbed).toContainEqual({ holder: 'identity', type: 'account', class: 'contact', action: 'scrubbed', count: 1 });
    expect(said.kept.map(({ holder }) => holder).sort()).toEqual(['identity', 'ledger', 'retention']);
    expect(said.keys.map(({ tenant }) => tenant)).toContain('system');
    await endedWith(userId, requestId);
    wanted(await person.browser.get('/v1/account/profile'), 401);
    expect((await person.browser.post('/v1/sign-in', { email, password: person.account.password })).status).toBe(401);
    for (const database of DATABASES) {
      await withClient(stand.stack.databaseUrl(database), async (client) => expect({ database, tables: await tablesWith(client, [email, name]) }).toEqual({ database, tables: [] }));
    }
    const events = await found('what is recorded of him is unreadable', async () => {
      const all = (await stand.recorded('identity.user.registered')).filter(({ parts }) => parts.some(({ subject }) => subject === userId));
      return all.length > 0 && all.every(({ parts }) => parts.filter(({ subject }) => subject === userId).every(({ state }) => state === 'erased')) ? all : undefined;
    });
    expect(events).toHaveLength(1);
    wanted(await other.browser.get('/v1/account/profile'), 200);
    const tombstones = readFileSync(join(stand.stack.stateDir, 'retention-service/state/erasures.jsonl'), 'utf8');
    expect(tombstones).toContain(userId);
    expect(new CanaryScan({ email, name }).find(Buffer.from(tombstones))).toEqual([]);
  });
});

/** Whatever else somebody had asked for ends with him; asked for afterwards, an archive is refused, and no file is left. */
async function endedWith(userId: string, erasure: string): Promise<void> {
  const { browser } = stand.admin;
  const { requestId } = wanted(await browser.post('/v1/privacy/requests', { kind: 'export', tenant: 'system', subject: userId }), 201).json as { requestId: string };
  wanted(await browser.post(`/v1/privacy/requests/${requestId}/verify`, { how: 'a letter' }), 204);
  const others = () => withClient(stand.stack.databaseUrl('retention'), async (client) => (await client.query<{ kind: string; state: string; reason: string }>('SELECT kind, state, reason FROM subject_requests WHERE subject = $1 AND request_id <> $2 ORDER BY kind', [userId, erasure])).rows);
  await found('the archive is refused', async () => (await others()).every(({ state }) => state === 'refused') || undefined);
  expect(await others()).toEqual(['correct', 'export', 'export', 'restrict'].map((kind) => ({ kind, state: 'refused', reason: 'the person was erased' })));
  expect(await withClient(stand.stack.databaseUrl('retention'), async (client) => (await client.query('SELECT FROM files WHERE subject = $1', [userId])).rowCount)).toBe(0);
}
