import { defaultDashboard, RowBuilder, ThresholdsConfigBuilder, ThresholdsMode, type Threshold } from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import type { Dashboard, Panel } from './dashboards.js';

/** As deploy/compose/grafana-datasources.yml names it. */
const SOURCE = { type: 'prometheus', uid: 'prometheus' };
const COLUMNS = 24;
const HEIGHT = 8;

/** A dashboard as Grafana takes it from a file (JSON, of the first version of its schema, which file provisioning reads). */
export function dashboardFile({ uid, title, rows }: Dashboard): string {
  const panels = rows.flatMap((row, at) => {
    const y = at * (HEIGHT + 1);
    const width = Math.floor(COLUMNS / row.panels.length);
    const head = new RowBuilder(row.title).gridPos({ x: 0, y, w: COLUMNS, h: 1 });
    return [head, ...row.panels.map((panel, n) => panelOf(panel).gridPos({ x: n * width, y: y + 1, w: width, h: HEIGHT }))].map((builder, n) => ({ ...builder.build(), id: at * COLUMNS + n + 1 }));
  });
  const made = { ...defaultDashboard(), uid, title, tags: ['countersign'], time: { from: 'now-6h', to: 'now' }, refresh: '30s', timezone: 'utc', editable: false, panels };
  return `${JSON.stringify(made, null, 2)}\n`;
}

function panelOf(panel: Panel): StatBuilder | TimeseriesBuilder {
  const builder = panel.shape === 'state' ? new StatBuilder().thresholds(thresholdsOf(panel.bad)).noValue('no value') : new TimeseriesBuilder().min(0);
  builder.title(panel.title).description(panel.tells).unit(panel.unit).datasource(SOURCE);
  panel.shows.forEach(([expr, legend], at) => {
    const query = new DataqueryBuilder().datasource(SOURCE).refId(String.fromCodePoint(65 + at)).expr(expr).legendFormat(legend);
    builder.withTarget(panel.shape === 'state' ? query.instant() : query.range());
  });
  return builder;
}

function thresholdsOf(bad: Panel['bad']): ThresholdsConfigBuilder {
  const steps: Threshold[] =
    bad === undefined ? [{ value: null, color: 'text' }] : 'from' in bad ? [{ value: null, color: 'green' }, { value: bad.from, color: 'red' }] : [{ value: null, color: 'red' }, { value: bad.least, color: 'green' }];
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps);
}
