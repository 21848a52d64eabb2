import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../folder-of.js';
import { nameOf, type Manifest } from './manifests.js';

/** Where the generated model of each kind is: a kind that is not here is a fault. */
const MODELS: Readonly<Record<string, string>> = {
  'apps/v1 Deployment': 'kubernetes-models/apps/v1/Deployment',
  'apps/v1 StatefulSet': 'kubernetes-models/apps/v1/StatefulSet',
  'autoscaling/v2 HorizontalPodAutoscaler': 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler',
  'batch/v1 Job': 'kubernetes-models/batch/v1/Job',
  'networking.k8s.io/v1 NetworkPolicy': 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy',
  'policy/v1 PodDisruptionBudget': 'kubernetes-models/policy/v1/PodDisruptionBudget',
  'v1 Service': 'kubernetes-models/v1/Service',
  'v1 ServiceAccount': 'kubernetes-models/v1/ServiceAccount',
  'monitoring.coreos.com/v1 ServiceMonitor': '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor',
  'monitoring.coreos.com/v1 PrometheusRule': '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule',
};

type Model = new (data: unknown) => { validate(): void };
const kindOf = ({ apiVersion, kind }: Manifest): string => `${apiVersion} ${kind}`;

/** What Kubernetes' own schemas refuse: wrong values by their generated validators, unknown fields by their generated types. */
export async function kubernetesFaults(manifests: readonly Manifest[]): Promise<string[]> {
  const unknown = manifests.filter((manifest) => MODELS[kindOf(manifest)] === undefined);
  if (unknown.length > 0) return unknown.map((manifest) => `${nameOf(manifest)}: no model of ${kindOf(manifest)}`);
  const faults = await Promise.all(manifests.map(invalidValues));
  return [...faults.flat(), ...unknownFields(manifests)];
}

async function invalidValues(manifest: Manifest): Promise<string[]> {
  const module = (await import(MODELS[kindOf(manifest)]!)) as Readonly<Record<string, Model>>;
  try {
    new module[manifest.kind]!(manifest).validate();
    return [];
  } catch (error) {
    return [`${nameOf(manifest)}: ${(error as Error).message}`];
  }
}

/** The validators let fields pass that they do not know; a compiler does not: the manifests are literals of the models' types to it. */
function unknownFields(manifests: readonly Manifest[]): string[] {
  const cache = join(ROOT, 'node_modules/.cache/countersign');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'manifests-'));
  try {
    const kinds = [...new Set(manifests.map(kindOf))];
    const imports = kinds.map((kind, index) => `import type { I${kind.split(' ')[1]!} as K${index} } from '${MODELS[kind]!}';`);
    const values = manifests.map((manifest, index) => `export const m${index}: K${kinds.indexOf(kindOf(manifest))} = ${JSON.stringify(manifest)};`);
    writeFileSync(join(folder, 'manifests.mts'), [...imports, ...values].join('\n'));
    const compiler = join(ROOT, 'node_modules/ts7/bin/tsc');
    const args = [compiler, '--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck', '--types', '', '--module', 'nodenext', '--target', 'es2024', 'manifests.mts'];
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } });
    if (status === 0) return [];
    const lines = `${stdout}${stderr}`.split('\n').filter((line) => line.includes('error TS'));
    if (lines.length === 0) throw new Error(`the compiler said nothing that is understood: ${stdout}${stderr}`);
    return lines.map((line) => {
      const at = Number(/\((\d+),/.exec(line)?.[1] ?? 0) - imports.length - 1;
      return `${manifests[at] === undefined ? '' : `${nameOf(manifests[at])}: `}${line.replace(/^.*?error /, '')}`;
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
