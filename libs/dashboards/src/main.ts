import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { dashboardFile, DASHBOARDS } from './index.js';

const { values } = parseArgs({ options: { out: { type: 'string', default: 'deploy/observability/dashboards' } } });
mkdirSync(values.out, { recursive: true });
for (const dashboard of DASHBOARDS) writeFileSync(join(values.out, `${dashboard.uid}.json`), dashboardFile(dashboard));
