import { afterAll, beforeAll } from '@jest/globals';
import { attackSuite } from './whole/attack-suite.js';
import { badInputSuite } from './whole/bad-input-suite.js';
import { coverageSuite } from './whole/coverage-suite.js';
import { databaseSuite } from './whole/database-suite.js';
import { matrixSuite } from './whole/matrix-suite.js';
import { metricsSuite } from './whole/metrics-suite.js';
import { rightsSuite } from './whole/rights-suite.js';
import { tracesSuite } from './whole/traces-suite.js';
import { WholeStand } from './whole/whole-stand.js';

// One deployment for everything that is proved of the whole: each suite makes people of its own.
let stand: WholeStand;
beforeAll(async () => {
  stand = await WholeStand.open();
}, 120_000);
afterAll(() => stand.close(), 60_000);

// While the home organisation is open: a later suite closes it.
tracesSuite(() => stand);
coverageSuite(() => stand);
attackSuite(() => stand);
matrixSuite(() => stand);
badInputSuite(() => stand);
metricsSuite(() => stand);
databaseSuite(() => stand);
rightsSuite(() => stand);
