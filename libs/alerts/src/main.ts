import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ALERT_GROUPS, dashboardFile, DASHBOARDS, ruleFile, RUNBOOKS_URL } from './index.js';

const { values } = parseArgs({ options: { runbooks: { type: 'string', default: RUNBOOKS_URL }, out: { type: 'string', default: 'deploy/observability' } } });
const [rules, dashboards] = [join(values.out, 'rules'), join(values.out, 'dashboards')];
for (const folder of [rules, dashboards]) mkdirSync(folder, { recursive: true });
for (const group of ALERT_GROUPS) writeFileSync(join(rules, `${group.name}.yml`), ruleFile(group, { runbooksUrl: values.runbooks }));
for (const dashboard of DASHBOARDS) writeFileSync(join(dashboards, `${dashboard.uid}.json`), dashboardFile(dashboard));
