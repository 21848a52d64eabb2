// `npm run configuration`: writes the page of every variable.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configurationPage, PAGE } from './configuration/page.mjs';
import { ROOT } from './workspace.mjs';

writeFileSync(join(ROOT, PAGE), configurationPage(ROOT));
console.log(`${PAGE} is written`);
