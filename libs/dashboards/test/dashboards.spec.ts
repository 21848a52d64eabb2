import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { DASHBOARDS, dashboardFile, queriesOf, type Light } from '@countersign/dashboards';
import { promtoolProgram } from '@countersign/devstack';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const FOLDER = join(ROOT, 'deploy', 'observability', 'dashboards');
const FETCH_MS_MAX = 240_000;

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly fieldConfig: { readonly defaults: { readonly mappings?: unknown } };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
}

const panelsOf = (text: string): Panel[] => (JSON.parse(text) as { panels: Panel[] }).panels;

interface Said {
  readonly status: number | null;
  readonly words: string;
}

function promtool(command: readonly string[], file: unknown): Said {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-dashboards-'));
  try {
    writeFileSync(join(folder, 'file.json'), JSON.stringify(file));
    const { status, stdout, stderr } = spawnSync(promtoolProgram(join(ROOT, '.nx', 'program'))!, [...command, 'file.json'], { cwd: folder, encoding: 'utf8' });
    return { status, words: `${stdout}${stderr}` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whether promtool reads all of them as rules. */
const said = (expressions: readonly string[]): Said => promtool(['check', 'rules'], { groups: [{ name: 'queries', rules: expressions.map((expr, n) => ({ record: `query:n${String(n)}`, expr })) }] });

const lights: readonly Light[] = DASHBOARDS.flatMap(({ rows }) => rows.flatMap(({ panels }) => panels)).filter((panel) => panel.kind === 'light');

/** What lights show, by their titles, where these series are scraped; undefined: nothing. */
function shown(scraped: Readonly<Record<string, string>>, expected: Readonly<Record<string, number | undefined>>): Said {
  const values = Object.entries(expected).map(([title, value]) => ({
    expr: lights.find((light) => light.title === title)!.query.expr,
    eval_time: '1m',
    exp_samples: value === undefined ? [] : [{ labels: '{}', value }],
  }));
  return promtool(['test', 'rules'], { rule_files: [], tests: [{ interval: '1m', input_series: Object.entries(scraped).map(([series, value]) => ({ series, values: `${value}x5` })), promql_expr_test: values }] });
}

const UP = { 'up{job="countersign-ledger",instance="l"}': '1', 'up{job="countersign-retention",instance="r"}': '1', 'ALERTS{alertname="CountersignWatchdog",alertstate="firing"}': '1' };
const COUNTED = ['Broken ledgers', 'Ledgers without a verdict', 'Missing sequence numbers', 'Late incident stages', 'Alerts', 'Services', 'Unreadable rows'];
const allOf = <T>(titles: readonly string[], value: T): Record<string, T> => Object.fromEntries(titles.map((title) => [title, value]));

describe('dashboards', () => {
  it('are an overview, a page for each service, and what all stand on', () => {
    expect(DASHBOARDS.map(({ uid }) => uid)).toEqual(['overview', 'edge', 'ledger', 'identity', 'keys', 'retention', 'dependencies'].map((name) => `countersign-${name}`));
  });

  it('are in deploy/observability/dashboards as they are here: "npm run dashboards" writes them', () => {
    expect(readdirSync(FOLDER).sort()).toEqual(DASHBOARDS.map(({ uid }) => `${uid}.json`).sort());
    for (const dashboard of DASHBOARDS) expect(readFileSync(join(FOLDER, `${dashboard.uid}.json`), 'utf8')).toBe(dashboardFile(dashboard));
  });

  it.each(DASHBOARDS.map((dashboard) => [dashboard.uid, dashboard] as const))('%s says of each panel what it shows, and asks one source', (_, dashboard) => {
    const panels = panelsOf(dashboardFile(dashboard)).filter(({ type }) => type !== 'row');
    expect(panels.length).toBe(dashboard.rows.flatMap((row) => row.panels).length);
    for (const { title, description, targets, datasource } of panels) {
      expect([title, description ?? '']).not.toContain('');
      expect(datasource?.uid).toBe('prometheus');
      expect(new Set(targets!.map(({ refId }) => refId)).size).toBe(targets!.length);
    }
    const titles = dashboard.rows.flatMap((row) => row.panels.map(({ title }) => title));
    expect(new Set(titles).size).toBe(titles.length);
  });

  it('have no panel that covers another', () => {
    for (const dashboard of DASHBOARDS) {
      const taken = new Set<string>();
      for (const { gridPos: { x, y, w, h } } of panelsOf(dashboardFile(dashboard))) {
        expect(x + w).toBeLessThanOrEqual(24);
        for (let dx = 0; dx < w; dx++) for (let dy = 0; dy < h; dy++) {
          const cell = `${String(x + dx)},${String(y + dy)}`;
          expect(taken.has(cell)).toBe(false);
          taken.add(cell);
        }
      }
    }
  });

  it('ask what Prometheus understands', () => {
    if (promtoolProgram(join(ROOT, '.nx', 'program')) === undefined) return;
    const all = DASHBOARDS.flatMap(queriesOf);
    expect(said(all)).toMatchObject({ status: 0, words: expect.stringContaining(`${String(all.length)} rules found`) });
    expect(said(['sum(rate(x[5m])']).status).not.toBe(0);
  }, FETCH_MS_MAX);

  it('paint no light green of which nothing is known', () => {
    const dark = lights.map(({ title, ifNone }) => [title, ifNone.is] as const).filter(([, is]) => is !== 'critical');
    expect(Object.fromEntries(dark)).toEqual({ 'Oldest full verification': 'warning', 'Last sweep': 'warning', 'Until a person is owed an answer': 'nothing', Redis: 'nothing' });
    for (const dashboard of DASHBOARDS) {
      for (const { type, title, fieldConfig } of panelsOf(dashboardFile(dashboard))) {
        if (type !== 'stat') continue;
        const { ifNone } = lights.find((light) => light.title === title)!;
        expect(fieldConfig.defaults.mappings).toEqual([{ type: 'special', options: { match: 'null', result: { text: ifNone.text, color: { nothing: 'gray', warning: 'orange', critical: 'red' }[ifNone.is] } } }]);
      }
    }
  });

  it('count nothing only where somebody counts', () => {
    if (promtoolProgram(join(ROOT, '.nx', 'program')) === undefined) return;
    const well = { status: 0 };
    expect(shown({}, allOf(lights.map(({ title }) => title), undefined))).toMatchObject(well);
    expect(shown(UP, allOf(COUNTED, 0))).toMatchObject(well);
    expect(shown({ ...UP, 'up{job="countersign-ledger",instance="l"}': '0' }, { ...allOf(COUNTED.slice(0, 3), undefined), Services: 1, 'Late incident stages': 0 })).toMatchObject(well);
    expect(shown({ ...UP, 'countersign_ledger_intact{tenant="acme"}': '0', 'countersign_ledger_intact{tenant="home"}': '1', 'ALERTS{alertname="CountersignLedgerBroken",alertstate="firing"}': '1' }, { 'Broken ledgers': 1, Alerts: 1 })).toMatchObject(well);
    expect(shown(UP, { 'Broken ledgers': 1 }).status).not.toBe(0);
  }, FETCH_MS_MAX);
});
