import { DashboardBuilder, DashboardCursorSync, FieldColorModeId, MappingType, RowBuilder, SpecialValueMatch, ThresholdsConfigBuilder, ThresholdsMode, type DataSourceRef } from '@grafana/grafana-foundation-sdk/dashboard';
import { BigValueColorMode, BigValueGraphMode } from '@grafana/grafana-foundation-sdk/common';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as SeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import type { Dashboard, Graph, Light, None, Query } from './dashboard.js';

const SOURCE: DataSourceRef = { type: 'prometheus', uid: 'prometheus' };
const LIGHT = { width: 4, height: 4 };
const GRAPH = { width: 8, height: 8 };
const [GREEN, YELLOW, RED, GREY] = ['green', 'orange', 'red', 'gray'];
const NONE_COLORS: Readonly<Record<None['is'], string>> = { nothing: GREY, warning: YELLOW, critical: RED };

/** Text of the file that Grafana is given; the same for the same dashboard. */
export function dashboardFile({ uid, title, what, rows }: Dashboard): string {
  const builder = new DashboardBuilder(title).uid(uid).description(what).tags(['countersign']).timezone('browser').refresh('30s').time({ from: 'now-6h', to: 'now' }).tooltip(DashboardCursorSync.Crosshair).readonly();
  for (const row of rows) {
    builder.withRow(new RowBuilder(row.title));
    for (const panel of row.panels) builder.withPanel(panel.kind === 'light' ? statOf(panel) : seriesOf(panel));
  }
  return `${JSON.stringify(builder.build(), null, 1)}\n`;
}

function statOf({ title, what, query, unit, limits: [warning, critical], ifNone }: Light): StatBuilder {
  const isLowBad = critical < warning;
  // Grafana paints from a value upwards; the first step has none.
  const steps = isLowBad
    ? [{ value: null, color: RED }, { value: critical, color: YELLOW }, { value: warning, color: GREEN }]
    : [{ value: null, color: GREEN }, { value: warning, color: YELLOW }, { value: critical, color: RED }];
  return new StatBuilder()
    .title(title).description(what).datasource(SOURCE).span(LIGHT.width).height(LIGHT.height).unit(unit)
    // Without this, Grafana paints what has no value with the first step: green.
    .mappings([{ type: MappingType.SpecialValue, options: { match: SpecialValueMatch.Null, result: { text: ifNone.text, color: NONE_COLORS[ifNone.is] } } }])
    .colorMode(BigValueColorMode.Background).graphMode(BigValueGraphMode.None)
    .thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps))
    .withTarget(target(query, 0).instant());
}

function seriesOf({ title, what, queries, unit }: Graph): SeriesBuilder {
  const panel = new SeriesBuilder().title(title).description(what).datasource(SOURCE).span(GRAPH.width).height(GRAPH.height).unit(unit).min(0).colorScheme({ build: () => ({ mode: FieldColorModeId.PaletteClassicByName }) });
  for (const [n, query] of queries.entries()) panel.withTarget(target(query, n));
  return panel;
}

function target({ expr, legend }: Query, n: number): DataqueryBuilder {
  return new DataqueryBuilder().refId(String.fromCharCode(65 + n)).expr(expr).legendFormat(legend);
}
