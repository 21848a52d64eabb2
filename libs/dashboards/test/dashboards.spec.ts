import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { DASHBOARDS, dashboardFile, queriesOf } from '@countersign/dashboards';
import { promtoolProgram } from '@countersign/devstack';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const FOLDER = join(ROOT, 'deploy', 'observability', 'dashboards');
const FETCH_MS_MAX = 240_000;

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
}

const panelsOf = (text: string): Panel[] => (JSON.parse(text) as { panels: Panel[] }).panels;

/** Whether promtool reads all of them as rules. */
function said(expressions: readonly string[]): { readonly status: number | null; readonly words: string } {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-dashboards-'));
  try {
    writeFileSync(join(folder, 'rules.json'), JSON.stringify({ groups: [{ name: 'queries', rules: expressions.map((expr, n) => ({ record: `query:n${String(n)}`, expr })) }] }));
    const { status, stdout, stderr } = spawnSync(promtoolProgram(join(ROOT, '.nx', 'program'))!, ['check', 'rules', 'rules.json'], { cwd: folder, encoding: 'utf8' });
    return { status, words: `${stdout}${stderr}` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

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
});
