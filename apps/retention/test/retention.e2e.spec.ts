import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventStoreMigrationSql, eventStoreTracesSql } from '@countersign/event-store';
import { Stand } from './fixture/stand.js';
import { dryRunSuite, lateHoldSuite } from './suites/before.js';
import { busPersonSuite } from './suites/bus-persons.js';
import { busBackupsSuite } from './suites/bus-backups.js';
import { busTypeSuite, HOLDERS } from './suites/bus-types.js';
import { callerSuite } from './suites/callers.js';
import { commandLineSuite } from './suites/command-line.js';
import { endingSuite } from './suites/ending.js';
import { incidentSuite } from './suites/incidents.js';
import { holdSuite, policySuite } from './suites/rules.js';
import { lateSuite, reportSuite, typeSuite } from './suites/types.js';

// One deployment for all suites: each makes people of its own.
let stand: Stand;
beforeAll(async () => {
  stand = await Stand.open(HOLDERS);
}, 120_000);
afterAll(() => stand.close(), 60_000);

callerSuite(() => stand);
policySuite(() => stand);
// Before holds, of which one stays that is over everything.
dryRunSuite(() => stand);
busPersonSuite(() => stand);
holdSuite(() => stand);
incidentSuite(() => stand);
lateHoldSuite(() => stand);
commandLineSuite(() => stand);
typeSuite(() => stand);
reportSuite(() => stand);
lateSuite(() => stand);
busTypeSuite(() => stand);
busBackupsSuite(() => stand);
// Retention has ended when this has.
endingSuite(() => stand);

it('has the tables of the event store as its library makes them', () => {
  const migration = (name: string) => readFileSync(new URL(`../migrations/${name}.sql`, import.meta.url), 'utf8');
  expect(migration('0090_traces')).toContain(eventStoreTracesSql({ schema: 'public' }));
  expect(migration('0001_events')).toContain(eventStoreMigrationSql({ schema: 'public', source: 'retention', runtimeRole: 'retention_runtime' }));
});
