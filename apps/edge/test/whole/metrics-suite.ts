import { describe, expect, it } from '@jest/globals';
import { ALERT_GROUPS } from '@countersign/alerts';
import { DASHBOARDS, queriesOf } from '@countersign/dashboards';
import type { WholeStand } from './whole-stand.js';

const NAME = /\b(?:countersign|process|nodejs)_[a-z0-9_]+/g;
/** Of a deployment with Redis, with backups, with TLS to the bus: none of them is there in this stand. */
const ELSEWHERE = /^countersign_(edge_redis|identity_attempts|backup|bus_certificate)_/;
const OF_OTHERS: ReadonlySet<string> = new Set(['countersign_incident']);
/** One prefix of ours, beside Node's own (Prometheus, "Metric and label naming"). */
const WELL_NAMED = /^(countersign|process|nodejs)_[a-z0-9]+(_[a-z0-9]+)*$/;

const SAMPLE = /^([a-z0-9_]+)(?:\{(.*)\})? \S+$/gm;
const LABEL = /([a-z_]+)="/g;
const MATCHERS = /\b((?:countersign|process|nodejs)_[a-z0-9_]+)\{([^}]*)\}/g;
const GROUPING = /\b(?:by|on) \(([a-z_, ]*)\)/g;
/** Prometheus gives these to whatever it scrapes, and makes `le` of histograms; the rest are of its own series. */
const OF_SCRAPES: readonly string[] = ['job', 'instance', 'le', 'alertname', 'alertstate'];

/** Labels of each metric that has a sample. */
function labelsIn(texts: readonly string[]): ReadonlyMap<string, ReadonlySet<string>> {
  const labels = new Map<string, Set<string>>();
  for (const [, name, text = ''] of texts.flatMap((page) => [...page.matchAll(SAMPLE)])) {
    const own = labels.get(name!) ?? new Set(OF_SCRAPES);
    for (const [, label] of text.matchAll(LABEL)) own.add(label!);
    labels.set(name!, own);
  }
  return labels;
}

/** Labels that an expression names and that none of its metrics has, where all of them have samples. */
function strange(expr: string, labels: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] {
  const inMatchers = [...expr.matchAll(MATCHERS)].flatMap(([, name, text]) => {
    const own = labels.get(name!);
    return own === undefined ? [] : [...text!.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label!).filter((label) => !own.has(label)).map((label) => `${name!}{${label}}`);
  });
  const all = (expr.match(NAME) ?? []).map((name) => labels.get(name));
  const known = all.filter((own) => own !== undefined);
  const grouped = known.length < all.length ? [] : [...expr.matchAll(GROUPING)].flatMap(([, text]) => text!.split(',').map((label) => label.trim()));
  return [...inMatchers, ...grouped.filter((label) => label !== '' && !OF_SCRAPES.includes(label) && !known.some((own) => own.has(label))).map((label) => `by (${label})`)];
}

/** What services measure is what dashboards show and alerts look at. */
export function metricsSuite(open: () => WholeStand): void {
  describe('metrics', () => {
    it('that a dashboard or an alert names are all there to be scraped, by names that keep to the rules', async () => {
      const { platform, edges } = open();
      const urls = [platform.identity.url, platform.keys.url, platform.ledger.url, platform.retention.url, ...edges.map(({ operationsUrl }) => operationsUrl)];
      const texts = await Promise.all(urls.map(async (url) => (await fetch(`${url}/metrics`)).text()));
      const types = new Map(texts.flatMap((text) => [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!] as const)));
      const expressions = [...DASHBOARDS.flatMap(queriesOf), ...ALERT_GROUPS.flatMap(({ alerts }) => alerts.map(({ expr }) => expr))];
      const asked = expressions.flatMap((expr) => expr.match(NAME) ?? []);
      const missing = [...new Set(asked)].filter((name) => !ELSEWHERE.test(name) && !OF_OTHERS.has(name) && !types.has(name) && !types.has(name.replace(/_(bucket|sum|count)$/, '')));
      expect(missing).toEqual([]);
      expect(asked.length).toBeGreaterThan(150);
      const labels = labelsIn(texts);
      expect(expressions.flatMap((expr) => strange(expr, labels).map((label) => `${label} in ${expr}`))).toEqual([]);
      expect(strange('sum by (nobody) (nodejs_eventloop_lag_seconds{nothing="x"})', labels)).toEqual(['nodejs_eventloop_lag_seconds{nothing}', 'by (nobody)']);
      const ours = [...types].filter(([name]) => name.startsWith('countersign_'));
      expect([...types.keys()].filter((name) => !WELL_NAMED.test(name) || /_(ms|milliseconds|minutes|hours|days|kib|mib)(_|$)/.test(name))).toEqual([]);
      expect(ours.filter(([name, type]) => (type === 'counter') !== name.endsWith('_total')).map(([name, type]) => `${type} ${name}`)).toEqual([]);
      expect(ours.length).toBeGreaterThan(70);
    });
  });
}
