import { stringify } from 'yaml';
import type { Alert, AlertGroup, Example } from './alert.js';

const HEAD = '# Made from libs/alerts (`npm run alerts`); change it there.\n';
const MINUTE = '1m';

/** As promtool takes it. */
interface RuleTest {
  readonly name: string;
  readonly interval: string;
  readonly input_series: readonly unknown[];
  readonly alert_rule_test: readonly unknown[];
}

export interface RenderOptions {
  /** Where docs/operations can be read, without a slash at its end. */
  readonly runbooksUrl: string;
}

function labelsOf({ severity, owner, incident }: Alert): Record<string, string> {
  return { severity, owner, ...(incident === undefined ? {} : { countersign_incident: incident }) };
}

function annotationsOf({ summary, runbook }: Alert, { runbooksUrl }: RenderOptions): Record<string, string> {
  return { summary, runbook_url: `${runbooksUrl}/${runbook}` };
}

/** A rule file of Prometheus (YAML), of one group. */
export function ruleFile({ name, recorded = [], alerts }: AlertGroup, options: RenderOptions): string {
  const rules = [
    ...recorded,
    ...alerts.map((alert) => ({ alert: alert.name, expr: alert.expr, ...(alert.for === undefined ? {} : { for: alert.for }), labels: labelsOf(alert), annotations: annotationsOf(alert, options) })),
  ];
  return `${HEAD}${stringify({ groups: [{ name, rules }] }, { lineWidth: 0 })}`;
}

/**
 * Test files of promtool (`promtool test rules`) for one group, in JSON, which is YAML: each alert fires by its example, not before, and is silent
 * by the other. One file for each interval at which examples have samples, which is also that of evaluation.
 */
export function ruleTests({ alerts }: AlertGroup, ruleFiles: readonly string[], options: RenderOptions): string[] {
  const tests = alerts.flatMap((alert) => testsOf(alert, options));
  return [...new Set(tests.map(({ interval }) => interval))].map((interval) =>
    JSON.stringify({ rule_files: ruleFiles, evaluation_interval: interval, tests: tests.filter((test) => test.interval === interval) }),
  );
}

function testsOf(alert: Alert, options: RenderOptions): RuleTest[] {
  const { name, fires, silent } = alert;
  const asked = (at: string, expected: readonly Readonly<Record<string, string>>[]): unknown => ({
    alertname: name,
    eval_time: at,
    exp_alerts: expected.map((labels) => ({ exp_labels: { ...labelsOf(alert), ...labels }, exp_annotations: filled(annotationsOf(alert, options), labels) })),
  });
  const early = fires.notYet === undefined ? [] : [asked(fires.notYet, [])];
  return [
    testOf(`${name} fires`, fires, [...early, asked(fires.at, fires.alerts)]),
    ...(silent === undefined ? [] : [testOf(`${name} is silent`, silent, [asked(silent.at, [])])]),
  ];
}

function testOf(name: string, { series, every = MINUTE }: Example, questions: readonly unknown[]): RuleTest {
  return { name, interval: every, input_series: Object.entries(series).map(([one, values]) => ({ series: one, values })), alert_rule_test: questions };
}

/** As Prometheus fills in templates, as far as our summaries use them. */
function filled(annotations: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).map(([name, text]) => [name, text.replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, label: string) => labels[label] ?? '')]));
}
