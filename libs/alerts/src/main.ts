import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ALERT_GROUPS, ruleFile, RUNBOOKS_URL } from './index.js';

const { values } = parseArgs({ options: { runbooks: { type: 'string', default: RUNBOOKS_URL }, out: { type: 'string', default: 'deploy/observability/rules' } } });
mkdirSync(values.out, { recursive: true });
for (const group of ALERT_GROUPS) writeFileSync(join(values.out, `${group.name}.yml`), ruleFile(group, { runbooksUrl: values.runbooks }));
