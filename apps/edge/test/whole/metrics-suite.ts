import { describe, expect, it } from '@jest/globals';
import { ALERT_GROUPS } from '@countersign/alerts';
import { DASHBOARDS, queriesOf } from '@countersign/dashboards';
import type { WholeStand } from './whole-stand.js';

const NAME = /\b(?:countersign|process|nodejs)_[a-z0-9_]+/g;
/** Of a deployment with Redis, with backups: neither is there in this stand. */
const ELSEWHERE = /^countersign_(edge_redis|identity_attempts|backup)_/;
const OF_OTHERS: ReadonlySet<string> = new Set(['countersign_incident']);
/** One prefix of ours, beside Node's own (Prometheus, "Metric and label naming"). */
const WELL_NAMED = /^(countersign|process|nodejs)_[a-z0-9]+(_[a-z0-9]+)*$/;

/** What services measure is what dashboards show and alerts look at. */
export function metricsSuite(open: () => WholeStand): void {
  describe('metrics', () => {
    it('that a dashboard or an alert names are all there to be scraped, by names that keep to the rules', async () => {
      const { platform, edges } = open();
      const urls = [platform.identity.url, platform.keys.url, platform.ledger.url, platform.retention.url, ...edges.map(({ operationsUrl }) => operationsUrl)];
      const texts = await Promise.all(urls.map(async (url) => (await fetch(`${url}/metrics`)).text()));
      const types = new Map(texts.flatMap((text) => [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!] as const)));
      const asked = [...DASHBOARDS.flatMap(queriesOf), ...ALERT_GROUPS.flatMap(({ alerts }) => alerts.map(({ expr }) => expr))].flatMap((expr) => expr.match(NAME) ?? []);
      const missing = [...new Set(asked)].filter((name) => !ELSEWHERE.test(name) && !OF_OTHERS.has(name) && !types.has(name) && !types.has(name.replace(/_(bucket|sum|count)$/, '')));
      expect(missing).toEqual([]);
      expect(asked.length).toBeGreaterThan(150);
      const ours = [...types].filter(([name]) => name.startsWith('countersign_'));
      expect([...types.keys()].filter((name) => !WELL_NAMED.test(name))).toEqual([]);
      expect(ours.filter(([name, type]) => (type === 'counter') !== name.endsWith('_total')).map(([name, type]) => `${type} ${name}`)).toEqual([]);
      expect(ours.length).toBeGreaterThan(70);
    });
  });
}
