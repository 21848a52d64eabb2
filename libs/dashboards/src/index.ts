import type { Dashboard } from './dashboard.js';
import { DEPENDENCIES } from './dependencies.js';
import { OVERVIEW } from './overview.js';
import { SERVICE_PAGES } from './services.js';

export type { Dashboard, Graph, Light, Query, Row } from './dashboard.js';
export { dashboardFile } from './render.js';

/** Every dashboard that there is. */
export const DASHBOARDS: readonly Dashboard[] = [OVERVIEW, ...SERVICE_PAGES, DEPENDENCIES];

/** What a dashboard asks Prometheus for. */
export function queriesOf({ rows }: Dashboard): readonly string[] {
  return rows.flatMap(({ panels }) => panels.flatMap((panel) => (panel.kind === 'light' ? [panel.query.expr] : panel.queries.map(({ expr }) => expr))));
}
