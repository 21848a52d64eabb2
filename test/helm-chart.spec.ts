import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { folderOf, ROOT } from './folder-of.js';
import { CHART, helmBinary, runHelm } from './helm/helm.js';
import { nameOf, podsOf, readManifests, type Manifest } from './helm/manifests.js';
import { restrictedFaults } from './helm/pod-security.js';

const OWN = ['edge', 'identity', 'keys', 'ledger', 'retention'];
const BASIC = { publicOrigin: 'https://audit.example.com', ledgerOrigin: 'audit.example.com' };
const EVERYTHING = {
  ...BASIC,
  nats: { url: 'tls://nats:4222', tls: { enabled: true }, replicas: 3 },
  networkPolicy: { monitors: [{ podSelector: { matchLabels: { 'app.kubernetes.io/name': 'prometheus' } } }], clients: [{ ipBlock: { cidr: '10.0.0.0/8' } }] },
  edge: { autoscaling: { enabled: true }, service: { type: 'LoadBalancer' } },
  monitoring: { serviceMonitor: { enabled: true }, prometheusRule: { enabled: true } },
  operator: { arguments: ['admin', 'setup-link'] },
};
const VARIANTS = {
  default: { values: BASIC, files: [] },
  'single-tenant': { values: BASIC, files: [`${CHART}/values-single-tenant.yaml`] },
  everything: { values: EVERYTHING, files: [] },
} as const;
type Variant = keyof typeof VARIANTS;

let helm: string;
const rendered = new Map<string, Manifest[]>();

/** What `helm template` makes, or what it refuses for. */
function template(values: object, files: readonly string[] = []): { manifests: Manifest[]; refusal: string | undefined } {
  const folder = folderOf({ 'values.yaml': JSON.stringify(values) });
  try {
    const { output, refusal } = runHelm(helm, ['template', 'cs', CHART, '--namespace', 'audit', ...files.flatMap((file) => ['-f', file]), '-f', join(folder.path, 'values.yaml')]);
    return { manifests: refusal === undefined ? readManifests(output) : [], refusal };
  } finally {
    folder.dispose();
  }
}

describe('the chart for Kubernetes', () => {
  beforeAll(async () => {
    helm = await helmBinary();
    for (const [name, { values, files }] of Object.entries(VARIANTS)) {
      const { manifests, refusal } = template(values, files);
      expect(refusal).toBeUndefined();
      rendered.set(name, manifests);
    }
  });

  it('has no fault that Helm finds', () => {
    const folder = folderOf({ 'values.yaml': JSON.stringify(EVERYTHING) });
    expect(runHelm(helm, ['lint', '--strict', CHART, '-f', join(folder.path, 'values.yaml')])).toEqual({ output: expect.stringContaining('0 chart(s) failed') });
    folder.dispose();
  });

  it.each(Object.keys(VARIANTS) as Variant[])('%s: has all services, and every pod is "restricted"', (variant) => {
    const pods = podsOf(rendered.get(variant)!);
    expect(pods.map(({ component }) => component)).toEqual(expect.arrayContaining([...OWN, 'bus-provision', 'bus-keeper', ...OWN.filter((name) => name !== 'edge').map((name) => `provision-${name}`)]));
    expect(pods.flatMap(({ owner, spec }) => restrictedFaults(spec).map((fault) => `${owner}: ${fault}`))).toEqual([]);
  });

  it.each(Object.keys(VARIANTS) as Variant[])('%s: names each thing once', (variant) => {
    const names = rendered.get(variant)!.map(nameOf);
    expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
    expect(ROOT).not.toBe('');
  });
});
