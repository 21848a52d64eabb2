import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { connectBus, type BusConnection } from '@countersign/bus';
import { integritySubject, RETENTION_OPERATIONS, type IncidentStageView, type IncidentView, type RecordedEvent, type RetentionArgsInput, type RetentionOperation } from '@countersign/contracts';
import { sessionDigest } from '@countersign/credentials';
import { Browser, wanted, type BrowserAnswer } from '@countersign/devstack';
import { openEventStore } from '@countersign/event-store';
import { createPool, withClient } from '@countersign/postgres';
import { IncidentWatch } from '../../src/incidents/incident-watch.js';
import { IncidentRows } from '../../src/store/incident-rows.js';
import { codeOf, found, type Person, type Stand } from '../fixture/stand.js';

interface Shown {
  readonly incident: IncidentView;
  readonly stages: readonly IncidentStageView[];
  readonly alerts: readonly { readonly fingerprint: string; readonly resolvedAt?: string }[];
}

type IncidentOperation = Extract<RetentionOperation, `incident-${string}`>;
const OPERATIONS = (Object.keys(RETENTION_OPERATIONS) as RetentionOperation[]).filter((name): name is IncidentOperation => name.startsWith('incident-'));
const digestOf = ({ browser }: Person): string => sessionDigest(browser.cookies.get('__Host-session')!);

/** Something that each operation takes. */
const argsOf = (incidentId: string): { readonly [O in IncidentOperation]: RetentionArgsInput<O> } => ({
  'incident-open': { kind: 'other', severity: 'low', summary: 'x', detectedAt: ago(1) },
  'incident-alerts': { alerts: [] },
  'incident-list': {},
  'incident-show': { incidentId },
  'incident-notices': { organization: 'acme' },
  'incident-affected': { incidentId },
  'incident-assess': { incidentId, reason: 'x' },
  'incident-affect': { incidentId, tenants: ['acme'] },
  'incident-clear': { incidentId, tenants: ['acme'], reason: 'x' },
  'incident-stage': { incidentId, stage: 'subjects', outcome: 'waived', reason: 'x' },
  'incident-draft': { incidentId, stage: 'subjects' },
  'incident-draft-show': { incidentId, stage: 'subjects', version: 1 },
  'incident-close': { incidentId, reason: 'x' },
  'incident-reopen': { incidentId, reason: 'x' },
});

const HOUR_MS = 3_600_000;
const NOT_OWED = { assessment: { significant: 'no', personalData: 'no' } };
const ago = (hours: number): string => new Date(Date.now() - hours * HOUR_MS).toISOString();
const opening = (more: object = {}): object => ({ kind: 'unauthorised-access', severity: 'high', summary: 'a key was used from elsewhere', detectedAt: ago(1), ...more });

/** The watch as retention has it, in this process and by another clock. */
async function shifted({ stack }: Stand, now: () => Date, work: (watch: IncidentWatch) => Promise<void>): Promise<() => Promise<void>> {
  const pool = createPool({ url: readFileSync(join(stack.stateDir, 'retention-service/retention-retention_runtime-url'), 'utf8').trim(), max: 2, applicationName: 'watch' });
  // The service beside us relays.
  const store = openEventStore({ source: 'retention', pool, schema: 'public' });
  const warn = (_facts: unknown, why?: string): never => {
    throw new Error(why);
  };
  await work(new IncidentWatch({ now, tenant: 'system', store, incidents: new IncidentRows(pool), newId: () => randomUUID(), timeZone: 'UTC', watch: { wake: () => undefined } }, { warn }));
  return async () => {
    await store.close();
    await pool.end();
  };
}

/** What is asked of incidents and of the ledgers about them, as the administrator. */
function deskOf(open: () => Stand) {
  const post = (path: string, body: object): Promise<BrowserAnswer> => open().admin.browser.post(`/v1/incidents${path}`, body);
  const opened = async (more: object = {}): Promise<Shown> => wanted(await post('', opening(more)), 201).json as unknown as Shown;
  const shown = async (incidentId: string): Promise<Shown> => wanted(await open().admin.browser.get(`/v1/incidents/${incidentId}`), 200).json as unknown as Shown;
  const stageOf = ({ stages }: Pick<Shown, 'stages'>, name: string): IncidentStageView => stages.find(({ stage }) => stage === name)!;
  const about = (events: readonly RecordedEvent[], incidentId: string): readonly RecordedEvent[] => events.filter(({ entry }) => (entry as { resource?: { id: string } }).resource?.id === incidentId);
  const dataOf = (event: RecordedEvent | undefined): Record<string, unknown> => event!.parts.find(({ name }) => name === 'data')!.value as Record<string, unknown>;
  const recorded = (type: string, incidentId: string, ledger = 'system'): Promise<RecordedEvent> => found(`${type} in ${ledger}`, async () => about(await open().recorded(`retention.${type}`, ledger), incidentId)[0]);
  return { post, opened, shown, stageOf, about, dataOf, recorded };
}

function courseSuite(open: () => Stand): void {
  const { post, opened, shown, dataOf, recorded } = deskOf(open);

  describe('an incident', () => {
    it('is opened with clocks from when somebody knew, each step is on record, and it is closed when nothing is owed any more', async () => {
      const awareAt = ago(0.5);
      const { incident: { incidentId }, stages } = await opened({ awareAt, assessment: { significant: 'yes', personalData: 'no' } });
      const due = (hours: number): string => new Date(Date.parse(awareAt) + hours * HOUR_MS).toISOString();
      expect(stages.map(({ stage, state }) => `${stage} ${state}`)).toEqual(['early-warning open', 'notification open', 'final-report open', 'breach-notification not-owed', 'organizations not-owed', 'subjects not-owed']);
      expect([stages[0]!.dueAt, stages[1]!.dueAt]).toEqual([due(24), due(72)]);
      expect(wanted(await post(`/${incidentId}/close`, { reason: 'too early' }), 409).json.code).toBe('INCIDENT_STAGES_OPEN');
      wanted(await post(`/${incidentId}/stages`, { stage: 'early-warning', outcome: 'done', sentTo: 'national CSIRT', reference: 'C-7' }), 200);
      expect(wanted(await post(`/${incidentId}/stages`, { stage: 'early-warning', outcome: 'done', sentTo: 'national CSIRT' }), 409).json.code).toBe('STAGE_NOT_OPEN');
      expect(wanted(await post(`/${incidentId}/stages`, { stage: 'notification', outcome: 'waived' }), 422).json.code).toBe('STAGE_REASON_MISSING');
      wanted(await post(`/${incidentId}/assess`, { assessment: { significant: 'no' }, reason: 'nothing was read' }), 200);
      wanted(await post(`/${incidentId}/close`, { reason: 'settled' }), 204);
      expect(await shown(incidentId)).toMatchObject({ incident: { state: 'closed' } });
      expect(wanted(await post(`/${incidentId}/assess`, { severity: 'low', reason: 'late' }), 409).json.code).toBe('INCIDENT_CLOSED');
      const done = await recorded('incident.stage-done', incidentId);
      expect(done.entry).toMatchObject({ actor: { type: 'user', id: open().admin.account.userId } });
      expect(dataOf(done)).toMatchObject({ stage: 'early-warning', sentTo: 'national CSIRT', reference: 'C-7', isLate: false });
      await recorded('incident.closed', incidentId);
      wanted(await post(`/${incidentId}/reopen`, { reason: 'it goes on' }), 204);
      expect((await shown(incidentId)).incident.state).toBe('open');
      expect(wanted(await post(`/${incidentId}/reopen`, { reason: 'it goes on' }), 409).json.code).toBe('INCIDENT_NOT_CLOSED');
    });

    it('is nobody’s to see or to change who may not, whatever the edge let through, and of an organisation only what affects it', async () => {
      const { retention } = open();
      const { incident: { incidentId } } = await opened({ tenants: ['system'] });
      const [viewer, operator] = [await open().person('viewer'), await open().person('operator')];
      const asked = (who: Person, operation: IncidentOperation): Promise<string> => codeOf(retention.ask(operation, open().context({ sessionDigest: digestOf(who) }), argsOf(incidentId)[operation]));
      const codes = async (who: Person): Promise<Record<string, string>> => Object.fromEntries(await Promise.all(OPERATIONS.map(async (operation) => [operation, await asked(who, operation)] as const)));
      expect(await codes(viewer)).toEqual(Object.fromEntries(OPERATIONS.map((operation) => [operation, 'FORBIDDEN'])));
      const ofOperator = await codes(operator);
      expect(OPERATIONS.filter((operation) => ofOperator[operation] === 'FORBIDDEN')).toEqual(['incident-assess', 'incident-affect', 'incident-clear', 'incident-stage', 'incident-draft', 'incident-close', 'incident-reopen']);
      expect(ofOperator).toMatchObject({ 'incident-show': 'none', 'incident-alerts': 'none', 'incident-notices': 'ORGANIZATION_UNKNOWN' });
      expect(wanted(await post(`/${incidentId}/assess`, { summary: 'written by somebody@example.com', reason: 'x' }), 400).json.field).toBe('summary');
      expect(wanted(await post('/nobody/close', { reason: 'x' }), 404).json.code).toBe('INCIDENT_UNKNOWN');
    });

    it('is settled once by those who do it at once', async () => {
      const { incident: { incidentId } } = await opened();
      const settled = await Promise.all([1, 2, 3].map(() => post(`/${incidentId}/stages`, { stage: 'subjects', outcome: 'waived', reason: 'encrypted' })));
      expect(settled.map(({ status, json }) => json.code ?? status).sort()).toEqual([200, 'STAGE_NOT_OPEN', 'STAGE_NOT_OPEN']);
    });
  });
}

function tellingSuite(open: () => Stand): void {
  const { post, opened, shown, stageOf, about, dataOf, recorded } = deskOf(open);

  describe('whoever is concerned', () => {
    it('of each affected organisation is told what concerns it, in its own ledger, and nothing of another', async () => {
      const [one, other] = [`acme-${randomUUID().slice(0, 8)}`, `umbrella-${randomUUID().slice(0, 8)}`];
      const { incident: { incidentId } } = await opened({ tenants: [one], summary: `found by ${other}` });
      wanted(await post(`/${incidentId}/affect`, { tenants: [other], subjects: ['user-1', 'user-2', 'user-1'] }), 204);
      wanted(await post(`/${incidentId}/affect`, { tenants: [other], subjects: ['user-2', 'user-3'] }), 204);
      expect(wanted(await open().admin.browser.get(`/v1/incidents/${incidentId}/affected?limit=1`), 200).json).toMatchObject({ tenants: [{ tenant: one, subjects: 0 }], next: one });
      expect(wanted(await open().admin.browser.get(`/v1/incidents/${incidentId}/affected?tenant=${other}&limit=2`), 200).json).toEqual({ subjects: ['user-1', 'user-2'], next: 'user-2' });
      expect((await shown(incidentId)).incident).toMatchObject({ tenants: 2, subjects: 3 });
      wanted(await post(`/${incidentId}/stages`, { stage: 'organizations', outcome: 'done', sentTo: 'their contacts for incidents' }), 200);
      wanted(await post(`/${incidentId}/clear`, { tenants: [other], reason: 'another account' }), 204);
      expect((await shown(incidentId)).incident).toMatchObject({ tenants: 1, subjects: 0 });
      const told = async (ledger: string): Promise<string[]> => {
        await recorded(ledger === one ? 'incident-notice.informed' : 'incident-notice.cleared', incidentId, ledger);
        const { events } = wanted(await open().admin.browser.get(`/v1/ledgers/${ledger}/events`), 200).json as unknown as { events: RecordedEvent[] };
        const whole = JSON.stringify(events);
        expect(whole).not.toContain(ledger === one ? other : one);
        expect(whole).not.toContain('user-');
        return events.map(({ entry }) => (entry as { type: string }).type).reverse();
      };
      expect(await told(one)).toEqual(['retention.incident-notice.affected', 'retention.incident-notice.informed']);
      expect(await told(other)).toEqual(['retention.incident-notice.affected', 'retention.incident-notice.informed', 'retention.incident-notice.cleared']);
      expect(dataOf(await recorded('incident.subjects-added', incidentId))).toMatchObject({ tenant: other, count: 2 });
    });

    it('is told once, also when retention was killed before it knew that it had told', async () => {
      const tenant = `acme-${randomUUID().slice(0, 8)}`;
      const { incident: { incidentId } } = await opened({ tenants: [tenant] });
      await recorded('incident-notice.affected', incidentId, tenant);
      const again = `INSERT INTO incident_news (incident_id, tenant, version, type, severity, data) VALUES ($1, $2, 1, 'retention.incident-notice.affected', 'warning', '{}')`;
      await withClient(open().stack.databaseUrl('retention'), (client) => client.query(again, [incidentId, tenant]));
      wanted(await post(`/${incidentId}/assess`, { severity: 'low', reason: 'less than it seemed' }), 200);
      expect(dataOf(await recorded('incident-notice.changed', incidentId, tenant))).toMatchObject({ severity: 'low', kind: 'unauthorised-access' });
      expect(await open().recorded('retention.incident-notice.affected', tenant)).toHaveLength(1);
    });

    it('gets notices that are drafted of the facts, each version kept, and sent by a person', async () => {
      const { incident: { incidentId } } = await opened({ tenants: ['acme'] });
      const first = wanted(await post(`/${incidentId}/drafts`, { stage: 'breach-notification' }), 201).json as unknown as { version: number; text: string; openPlaces: number };
      expect(first).toMatchObject({ version: 1, text: expect.stringContaining(`Our reference: ${incidentId}`) });
      expect(first.openPlaces).toBeGreaterThan(5);
      wanted(await post(`/${incidentId}/drafts`, { stage: 'breach-notification', text: 'as the officer has worded it' }), 201);
      expect(wanted(await open().admin.browser.get(`/v1/incidents/${incidentId}/draft?stage=breach-notification&version=1`), 200).json['text']).toBe(first.text);
      expect(wanted(await post(`/${incidentId}/stages`, { stage: 'breach-notification', outcome: 'done', sentTo: 'DPA', version: 3 }), 404).json.code).toBe('DRAFT_UNKNOWN');
      const sent = wanted(await post(`/${incidentId}/stages`, { stage: 'breach-notification', outcome: 'done', sentTo: 'DPA', version: 2 }), 200).json as unknown as Shown;
      expect(stageOf(sent, 'breach-notification')).toMatchObject({ state: 'done', version: 2, sentTo: 'DPA' });
      const drafted = await found('both versions are on record', async () => {
        const events = about(await open().recorded('retention.incident.drafted'), incidentId);
        return events.length === 2 ? events : undefined;
      });
      expect(JSON.stringify(drafted)).not.toContain('as the officer');
    });
  });
}

function clockSuite(open: () => Stand): void {
  const { post, opened, stageOf, about, dataOf, recorded } = deskOf(open);

  describe('clocks', () => {
    it('warns before a stage is due and says once that it was missed, and a late one takes a reason', async () => {
      const { incident: { incidentId }, stages } = await opened({ detectedAt: ago(60), awareAt: ago(50), assessment: { significant: 'yes', personalData: 'yes', risk: 'high' } });
      expect(stageOf({ stages }, 'early-warning').isLate).toBe(true);
      const missed = await recorded('incident.stage-missed', incidentId);
      expect({ entry: missed.entry, data: dataOf(missed) }).toMatchObject({ entry: { severity: 'alert', actor: { type: 'service', id: 'retention' } }, data: { stage: 'early-warning', alerts: 4 } });
      const near = await found('three stages are near', async () => {
        const events = about(await open().recorded('retention.incident.stage-near'), incidentId);
        return events.length >= 3 ? events.map((event) => dataOf(event)['stage']).sort() : undefined;
      });
      expect(near).toEqual(['breach-notification', 'notification', 'subjects']);
      expect(wanted(await post(`/${incidentId}/stages`, { stage: 'early-warning', outcome: 'done', sentTo: 'CSIRT' }), 422).json.code).toBe('STAGE_REASON_MISSING');
      const settled = wanted(await post(`/${incidentId}/stages`, { stage: 'early-warning', outcome: 'done', sentTo: 'CSIRT', reason: 'nobody was on call' }), 200).json as unknown as Shown;
      expect(stageOf(settled, 'early-warning')).toMatchObject({ state: 'done', isLate: true, reason: 'nobody was on call' });
      expect(about(await open().recorded('retention.incident.stage-missed'), incidentId)).toHaveLength(1);
      const metrics = (await (await fetch(`${open().platform.retention.url}/metrics`)).text()).split('\n').filter((line) => line.startsWith('countersign_retention_incident'));
      expect(metrics).toContainEqual(expect.stringMatching(/^countersign_retention_incident_stage_due_seconds\{stage="notification",law="NIS2 art\. 23\(4\)\(b\)"[^}]*\} 7\d{4}/));
      expect(metrics).toContainEqual(expect.stringMatching(/^countersign_retention_incidents_open\S* [1-9]/));
    });

    it('warn as time goes by, each time once, and say that a stage was missed', async () => {
      const { incident: { incidentId } } = await opened({ detectedAt: ago(0.01), assessment: { significant: 'yes', personalData: 'no' } });
      let shiftMs = 0;
      const close = await shifted(open(), () => new Date(Date.now() + shiftMs), async (watch) => {
        for (const hours of [1, 12, 12, 23, 24.1, 24.1, 72.1]) {
          shiftMs = hours * HOUR_MS;
          await watch.look();
        }
      });
      await close();
      const said = await found('both were missed', async () => {
        const missed = about(await open().recorded('retention.incident.stage-missed'), incidentId).map((event) => dataOf(event)['stage']);
        return missed.length >= 2 ? missed.sort() : undefined;
      });
      expect(said).toEqual(['early-warning', 'notification']);
      const near = about(await open().recorded('retention.incident.stage-near'), incidentId).map((event) => `${String(dataOf(event)['stage'])} ${String(dataOf(event)['alerts'])}`).reverse();
      expect(near).toEqual(['early-warning 1', 'early-warning 3']);
    });
  });
}

function alertSuite(open: () => Stand): void {
  const { post, shown, about, recorded } = deskOf(open);

  describe('alerts', () => {
    const name = (): string => `Alert${randomBytes(4).toString('hex')}`;
    const alert = (alertname: string, more: object = {}, labels: object = {}): object => ({ status: 'firing', labels: { alertname, countersign_incident: 'availability', severity: 'critical', ...labels }, annotations: { summary: 'somebody@example.com' }, startsAt: '2026-01-31T09:30:00.123456789+01:00', endsAt: '0001-01-01T00:00:00Z', generatorURL: 'http://x', fingerprint: 'ab12', ...more });
    const delivery = (alerts: readonly object[]): object => ({ version: '4', groupKey: '{}:{}', truncatedAlerts: 0, status: 'firing', receiver: 'x', groupLabels: {}, commonLabels: {}, commonAnnotations: {}, externalURL: '', alerts });

    it('of an Alertmanager with a key of a service account open an incident once, however often and from how many places they come', async () => {
      const stand = open();
      const { accountId } = wanted(await stand.admin.browser.post('/v1/admin/service-accounts', { name: `alertmanager-${randomUUID().slice(0, 8)}` }), 201).json as { accountId: string };
      wanted(await stand.admin.browser.post(`/v1/admin/service-accounts/${accountId}/roles`, { role: 'alerting' }), 204);
      const { key } = wanted(await stand.admin.browser.post(`/v1/admin/service-accounts/${accountId}/api-keys`, { name: 'webhook', grants: [{ permission: 'incident.report', scope: 'global' }] }), 201).json as { key: string };
      const program = new Browser({ origin: stand.origin, agent: stand.admin.browser.options.agent });
      const send = async (...alerts: object[]): Promise<string[]> => wanted(await program.ask('POST', '/v1/incidents/alerts', { body: delivery(alerts), headers: { authorization: `Bearer ${key}` } }), 200).json['incidents'] as string[];
      const alertname = name();
      const fingerprint = randomBytes(8).toString('hex');
      const answers = await Promise.all([1, 2, 3, 4].map(() => send(alert(alertname, { fingerprint }, { instance: 'a' }), alert(alertname, { fingerprint: `${fingerprint}00` }, { instance: 'b' }))));
      expect(new Set(answers.flat()).size).toBe(1);
      const [incidentId] = answers[0]!;
      expect(await send(alert('NotAnIncident', {}, { countersign_incident: undefined }))).toEqual([]);
      expect(await send(alert(alertname, { fingerprint, status: 'resolved', endsAt: '2026-01-31T10:00:00Z' }))).toEqual([incidentId]);
      const { incident, alerts } = await shown(incidentId!);
      expect(incident).toMatchObject({ state: 'open', kind: 'availability', severity: 'critical', source: { type: 'alert', name: alertname }, detectedAt: '2026-01-31T08:30:00.123Z' });
      expect(alerts.map((one) => [one.fingerprint, one.resolvedAt]).sort()).toEqual([[fingerprint, '2026-01-31T10:00:00.000Z'], [`${fingerprint}00`, undefined]]);
      const events = await found('opened, added and resolved are on record', async () => {
        await recorded('incident.alert-resolved', incidentId!);
        return [...about(await stand.recorded('retention.incident.opened'), incidentId!), ...about(await stand.recorded('retention.incident.alert-added'), incidentId!)];
      });
      expect(events).toHaveLength(2);
      expect(JSON.stringify(events)).not.toContain('somebody@');
      // Closed, the same alert opens nothing again; one that begins anew does.
      wanted(await post(`/${incidentId!}/assess`, { ...NOT_OWED, reason: 'nothing came of it' }), 200);
      wanted(await post(`/${incidentId!}/close`, { reason: 'over' }), 204);
      expect(await send(alert(alertname, { fingerprint }))).toEqual([incidentId]);
      expect((await shown(incidentId!)).incident.state).toBe('closed');
      const [next] = await send(alert(alertname, { fingerprint, startsAt: '2026-02-01T00:00:00Z' }));
      expect(next).not.toBe(incidentId);
      expect(wanted(await program.ask('GET', '/v1/incidents', { headers: { authorization: `Bearer ${key}` } }), 403).json.code).toBe('FORBIDDEN');
    });
  });
}

function verdictSuite(open: () => Stand): void {
  const { post, opened, recorded } = deskOf(open);

  describe('a ledger that does not verify', () => {
    it('is found by its verification, and opens an incident with nobody’s hand', async () => {
      const { stack, platform } = open();
      const tenant = `altered-${randomUUID().slice(0, 8)}`;
      const { incident: { incidentId } } = await opened({ tenants: [tenant] });
      await recorded('incident-notice.affected', incidentId, tenant);
      await withClient(stack.databaseUrl('ledger'), async (client) => {
        await client.query('SET session_replication_role = replica');
        await client.query(`UPDATE entries SET entry = entry || ' '::bytea WHERE leaf_index = 0 AND ledger_id = (SELECT ledger_id FROM ledgers WHERE tenant = $1)`, [tenant]);
      });
      await found('the verdict', async () => {
        const answer = await fetch(`${platform.ledger.url}/ledgers/${tenant}/verifications`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
        return ((await answer.json()) as { verdict?: string }).verdict === 'broken' ? true : undefined;
      });
      expect(await found('the incident', async () => (wanted(await open().admin.browser.get('/v1/incidents?limit=200'), 200).json['incidents'] as IncidentView[]).find(({ source }) => source.name === tenant))).toMatchObject({ kind: 'ledger-integrity', state: 'open', tenants: 1 });
    });

    it('is an incident of its organisation by itself, one however often it is said, and nobody but the ledger can say it', async () => {
      const { stack } = open();
      const tenant = `broken-${randomUUID().slice(0, 8)}`;
      const at = new Date().toISOString();
      const verdict = JSON.stringify({ tenant, verdict: 'broken', kind: 'full', fromIndex: 0, toIndex: 9, treeSize: 9, startedAt: at, finishedAt: at, fault: { code: 'ENTRY_ALTERED', message: 'x', firstIndex: 1, lastIndex: 1, firstBadTime: at } });
      const as = (user: 'ledger' | 'services'): Promise<BusConnection> => connectBus({ url: stack.nats.url, nkeySeedFile: stack.nats.users[user], name: user });
      const [ledger, services] = await Promise.all([as('ledger'), as('services')]);
      const broken = async (): Promise<IncidentView[]> => (wanted(await open().admin.browser.get('/v1/incidents?limit=200'), 200).json['incidents'] as IncidentView[]).filter(({ source }) => source.name === tenant);
      services.publish(integritySubject(tenant), verdict);
      await services.flush();
      ledger.publish(integritySubject(tenant), verdict.replace('broken', 'intact'));
      expect(await broken()).toEqual([]);
      for (let times = 0; times < 3; times += 1) ledger.publish(integritySubject(tenant), verdict);
      const [incident] = await found('the incident', async () => {
        const all = await broken();
        return all.length > 0 ? all : undefined;
      });
      expect(incident).toMatchObject({ kind: 'ledger-integrity', severity: 'critical', source: { type: 'ledger', name: tenant }, tenants: 1 });
      ledger.publish(integritySubject(tenant), verdict);
      await recorded('incident-notice.affected', incident!.incidentId, tenant);
      const alert = { status: 'firing', labels: { alertname: 'CountersignLedgerBroken', countersign_incident: 'ledger-integrity', tenant }, startsAt: at, fingerprint: randomBytes(8).toString('hex') };
      expect(wanted(await post('/alerts', { version: '4', groupKey: '{}', status: 'firing', alerts: [alert] }), 200).json).toEqual({ incidents: [incident!.incidentId] });
      expect(await broken()).toHaveLength(1);
      await Promise.all([ledger.close(), services.close()]);
    });
  });
}

export function incidentSuite(open: () => Stand): void {
  for (const suite of [courseSuite, tellingSuite, alertSuite, verdictSuite, clockSuite]) suite(open);
}
