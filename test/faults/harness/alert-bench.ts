import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { ALERT_GROUPS, ruleFile, RUNBOOKS_URL } from '@countersign/alerts';
import { wanted } from '@countersign/devstack';
import type { Deployment } from './deployment.js';
import { Monitoring } from './monitoring.js';
import { soonerGroups, type Sooner } from './sooner.js';
import { until } from './waiting.js';

/** Until an alert is told, or is over. */
export const ALERT_LIMIT_MS = 90_000;

/** Something that goes wrong, and what whoever is on call hears of it. */
export interface Fault {
  /** What is done to a real process, and done until it is mended. */
  readonly what: string;
  readonly alerts: Readonly<Record<string, Sooner>>;
  readonly happens: () => Promise<unknown>;
  readonly mend: () => Promise<unknown>;
  readonly isThere?: () => boolean;
  /** Where it is told later than others. */
  readonly limitMs?: number;
}

/** A deployment under Prometheus and Alertmanager with our alerts, those of `faults` made sooner, and nothing else changed in them. */
export class AlertBench {
  /** Ends what a fault keeps doing. */
  #ending = new AbortController();

  private constructor(
    readonly monitoring: Monitoring | undefined,
    private readonly folder: string,
  ) {}

  /** `more`: addresses of what is watched besides the deployment's services, by job. */
  static open(deployment: Deployment, faults: readonly Fault[], more: Readonly<Record<string, readonly string[]>> = {}): Promise<AlertBench> {
    return AlertBench.openWith(deployment, new Map(faults.flatMap(({ alerts }) => Object.entries(alerts))), more);
  }

  /** The same with these alerts. */
  static async openWith({ platform, edges, admin }: Deployment, named: ReadonlyMap<string, Sooner>, more: Readonly<Record<string, readonly string[]>> = {}): Promise<AlertBench> {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-rules-'));
    for (const group of soonerGroups(ALERT_GROUPS, named)) writeFileSync(join(folder, `${group.name}.yml`), ruleFile(group, { runbooksUrl: RUNBOOKS_URL }));
    const { key } = wanted(await admin.browser.post('/v1/account/api-keys', { name: 'alertmanager', grants: [{ permission: 'incident.report', scope: 'global' }] }), 201).json as unknown as { key: string };
    const hostOf = (url: string): string => new URL(url).host;
    const targets = Object.fromEntries((['ledger', 'keys', 'identity', 'retention'] as const).map((service) => [`countersign-${service}`, [hostOf(platform[service].url)]]));
    const monitoring = await Monitoring.start({
      rules: join(folder, '*.yml'),
      targets: { ...targets, 'countersign-edge': edges.map(({ process }) => hostOf(process.url)), ...more },
      incidents: { url: `${edges[0].origin}/v1/incidents/alerts`, apiKey: key, ca: platform.ca },
    });
    return new AlertBench(monitoring, folder);
  }

  /** Again and again, until the fault is mended. */
  keepOn(work: () => Promise<unknown>, pauseMs = 250): void {
    const { signal } = this.#ending;
    const again = async (): Promise<void> => {
      for (; !signal.aborted; await sleep(pauseMs)) await work().catch(() => undefined);
    };
    again().catch(() => undefined);
  }

  /** The fault happens, each of its alerts is told once, it is mended, and each is told to be over. */
  async show({ alerts, happens, mend, isThere, limitMs = ALERT_LIMIT_MS }: Fault): Promise<void> {
    const { monitoring } = this;
    if (monitoring === undefined || isThere?.() === false) return;
    const names = Object.keys(alerts);
    await until('everything is quiet', ALERT_LIMIT_MS, () => monitoring.firing().every((name) => !names.includes(name)));
    const from = monitoring.delivered.length;
    /** Labels of what was told of an alert, each as often as it was. */
    const told = (name: string, status: 'firing' | 'resolved'): string[] => monitoring.delivered.slice(from).filter((alert) => alert.status === status && alert.labels['alertname'] === name).map(({ labels }) => JSON.stringify(labels));
    this.#endWhatGoesOn();
    const startMs = performance.now();
    try {
      await happens();
      for (const name of names) await until(`${name} is told`, limitMs, () => told(name, 'firing').length > 0);
    } finally {
      this.#endWhatGoesOn();
      await mend();
    }
    const toldMs = performance.now();
    for (const name of names) await until(`${name} is over`, limitMs, () => new Set(told(name, 'resolved')).size >= new Set(told(name, 'firing')).size);
    this.#endWhatGoesOn();
    process.stderr.write(`${names.join(', ')}: told after ${((toldMs - startMs) / 1_000).toFixed(0)} s, over ${((performance.now() - toldMs) / 1_000).toFixed(0)} s after it was mended\n`);
    // Whoever is on call hears of each once.
    for (const name of names) expect(told(name, 'firing')).toEqual([...new Set(told(name, 'firing'))]);
  }

  #endWhatGoesOn(): void {
    this.#ending.abort();
    this.#ending = new AbortController();
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.monitoring?.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
