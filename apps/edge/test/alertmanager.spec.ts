import { describe, expect, it } from '@jest/globals';
import { incidentAlertSchema } from '@countersign/contracts';
import { alertmanagerSchema, incidentAlerts } from '../src/incidents/alertmanager.js';

const alert = (labels: object, more: object = {}): object => ({ status: 'firing', labels, annotations: {}, startsAt: '2026-01-31T09:30:00.123456789Z', endsAt: '0001-01-01T00:00:00Z', generatorURL: 'http://prometheus/graph', fingerprint: 'c5b0e1a2d3f40516', ...more });
const taken = (...alerts: object[]): ReturnType<typeof incidentAlerts> => incidentAlerts(alertmanagerSchema.parse({ version: '4', groupKey: '{}:{}', truncatedAlerts: 0, status: 'firing', receiver: 'r', groupLabels: {}, commonLabels: {}, commonAnnotations: {}, externalURL: 'http://a', alerts }));

describe('alerts of an Alertmanager', () => {
  it.each([
    ['its kind, severity and organisation are those of its labels', { alertname: 'LedgerBroken', countersign_incident: 'ledger-integrity', severity: 'page', tenant: 'acme' }, { name: 'LedgerBroken', kind: 'ledger-integrity', severity: 'critical', tenant: 'acme' }],
    ['a kind that is not known is another one', { alertname: 'A', countersign_incident: 'true' }, { name: 'A', kind: 'other', severity: 'high' }],
    ['names that objects inherit are none', { alertname: 'A', countersign_incident: 'constructor', severity: 'toString' }, { kind: 'other', severity: 'high' }],
    ['what a name cannot be is left out', { alertname: 'somebody@example.com\nx', countersign_incident: '', tenant: 'ACME; DROP' }, { name: 'unnamed', kind: 'other' }],
  ])('%s', (_what, labels, expected) => {
    const [one] = taken(alert(labels));
    expect(one).toMatchObject(expected);
    expect(incidentAlertSchema.parse(one)).toEqual(one);
    expect('tenant' in one!).toBe('tenant' in expected);
    expect(one).toMatchObject({ startsAt: '2026-01-31T09:30:00.123Z', status: 'firing' });
  });

  it('are incidents only with the label, and no more than one delivery may hold', () => {
    expect(taken(alert({ alertname: 'A' }), alert({ alertname: 'A', countersign: 'x' }))).toEqual([]);
    expect(taken(...Array.from({ length: 600 }, (_, at) => alert({ alertname: `A${String(at)}`, countersign_incident: 'x' })))).toHaveLength(200);
  });

  it('have ended when they are resolved, and not by the zero time of Go', () => {
    const of = (more: object): unknown => taken(alert({ countersign_incident: 'x' }, more))[0]!.endsAt;
    expect([of({}), of({ status: 'resolved', endsAt: '2026-01-31T10:30:00+01:00' }), of({ status: 'resolved' }), of({ endsAt: '2026-02-01T00:00:00Z' })]).toEqual([undefined, '2026-01-31T09:30:00.000Z', undefined, undefined]);
  });

  it.each([['another version', { version: '3' }], ['a label that is no text', { alerts: [alert({ a: 1 })] }], ['no time', { alerts: [alert({}, { startsAt: 'yesterday' })] }], ['no fingerprint', { alerts: [alert({}, { fingerprint: '' })] }]])('with %s are refused', (_what, more) => {
    expect(alertmanagerSchema.safeParse({ version: '4', groupKey: 'x', status: 'firing', alerts: [], ...more }).success).toBe(false);
  });
});
