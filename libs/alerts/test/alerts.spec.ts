import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ALERT_GROUPS, ruleFile, RUNBOOKS_URL, ruleTests, type Alert, type AlertGroup } from '@countersign/alerts';
import { promtoolProgram } from '@countersign/devstack';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const RULES = join(ROOT, 'deploy', 'observability', 'rules');
const OPTIONS = { runbooksUrl: RUNBOOKS_URL };
const FETCH_MS_MAX = 240_000;

const alerts = ALERT_GROUPS.flatMap((group) => group.alerts);
const promtool = promtoolProgram(join(ROOT, '.nx', 'program'));
if (promtool === undefined) process.stderr.write('promtool: left out, because it is neither in PATH nor to be had from Debian (apt-get install prometheus)\n');

const source = ['apps', 'libs']
  .flatMap((root) => readdirSync(join(ROOT, root)).map((name) => join(ROOT, root, name, 'src')))
  .filter((folder) => existsSync(folder) && !folder.includes('libs/alerts'))
  .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts')).map((file) => readFileSync(join(folder, file), 'utf8')))
  .join('\n');

/** Some are made as `countersign_<place>_${name}`. */
function isExposed(metric: string): boolean {
  const [, name] = /^countersign_(?:ledger|event_store)_(.+)$/.exec(metric) ?? [];
  return source.includes(`'${metric}'`) || (name !== undefined && source.includes(`'${name}'`));
}

/** What promtool says of the rules of a group, tested by what it is given: its exit status and its words. */
function tested(group: AlertGroup, rules: string): { status: number | null; said: string } {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-alerts-'));
  try {
    writeFileSync(join(folder, 'rules.yml'), rules);
    const files = ruleTests(group, ['rules.yml'], OPTIONS).map((text, n) => {
      writeFileSync(join(folder, `test-${n}.json`), text);
      return `test-${n}.json`;
    });
    const { status, stdout, stderr } = spawnSync(promtool!, ['test', 'rules', ...files], { cwd: folder, encoding: 'utf8' });
    return { status, said: `${stdout}${stderr}` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('alerts', () => {
  it('have names of their own, which tell whose they are', () => {
    expect(new Set(alerts.map(({ name }) => name)).size).toBe(alerts.length);
    expect(alerts.map(({ name }) => name).filter((name) => !/^Countersign[A-Z][A-Za-z0-9]+$/.test(name))).toEqual([]);
  });

  it('have a runbook each', () => {
    expect(alerts.filter(({ runbook }) => !existsSync(join(ROOT, 'docs', 'operations', 'runbooks', runbook))).map(({ name, runbook }) => `${name}: ${runbook}`)).toEqual([]);
  });

  it('look at metrics that some service has', () => {
    const named = ALERT_GROUPS.flatMap(({ alerts: some, recorded = [] }) => [...some, ...recorded].flatMap(({ expr }) => expr.match(/countersign_[a-z_]+/g) ?? []));
    expect([...new Set(named)].filter((metric) => !isExposed(metric.replace(/_(bucket|sum|count)$/, '')))).toEqual([]);
  });

  it('say only labels that they have', () => {
    const unknown = ({ summary, fires }: Alert): string[] => [...summary.matchAll(/\{\{ \$labels\.(\w+) \}\}/g)].map(([, label]) => label!).filter((label) => fires.alerts.some((labels) => labels[label] === undefined));
    expect(alerts.flatMap((alert) => unknown(alert).map((label) => `${alert.name}: ${label}`))).toEqual([]);
  });

  it('are silent by an example each, but for what always fires', () => {
    expect(alerts.filter(({ silent }) => silent === undefined).map(({ name }) => name)).toEqual(['CountersignWatchdog']);
  });

  it('are in deploy/observability/rules as they are here', () => {
    expect(readdirSync(RULES).sort()).toEqual(ALERT_GROUPS.map(({ name }) => `${name}.yml`).sort());
    for (const group of ALERT_GROUPS) expect(readFileSync(join(RULES, `${group.name}.yml`), 'utf8')).toBe(ruleFile(group, OPTIONS));
  });
});

describe('promtool', () => {
  it.each(ALERT_GROUPS.map((group) => [group.name, group] as const))('sees the alerts of %s fire when they should, and only then', (_, group) => {
    if (promtool === undefined) return;
    const { status, said } = tested(group, ruleFile(group, OPTIONS));
    expect(said).not.toContain('FAILED');
    expect(status).toBe(0);
  }, FETCH_MS_MAX);

  it('would see an alert that never fires, and one that always does', () => {
    if (promtool === undefined) return;
    const [group] = ALERT_GROUPS.filter(({ name }) => name === 'countersign-sign-in');
    for (const expr of ['vector(1) > 1', 'vector(1)']) {
      const changed = { ...group!, alerts: group!.alerts.map((alert) => ({ ...alert, expr })) };
      expect(tested(group!, ruleFile(changed, OPTIONS)).status).toBe(1);
    }
  });
});
