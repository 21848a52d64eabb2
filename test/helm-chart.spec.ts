import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { SERVICE_SECRETS } from '@countersign/secrets';
import { readTracing } from '@countersign/tracing';
import { folderOf, ROOT } from './folder-of.js';
import { CHART, helmBinary, runHelm } from './helm/helm.js';
import { environmentOf, readAsService, unmountedFiles, variableFaults } from './helm/environment.js';
import { kubernetesFaults } from './helm/kubernetes.js';
import { nameOf, podsOf, readManifests, type Container, type Manifest, type PodSpec } from './helm/manifests.js';
import { restrictedFaults } from './helm/pod-security.js';
import { HOME, placesOf, roadsOf, type Place } from './helm/roads.js';

const OWN = ['edge', 'identity', 'keys', 'ledger', 'retention'];
const STORING = OWN.filter((name) => name !== 'edge');
const BASIC = { publicOrigin: 'https://audit.example.com', ledgerOrigin: 'audit.example.com', deployment: 'production-7f3a9c21' };
const EVERYTHING = {
  ...BASIC,
  nats: { url: 'tls://nats:4222', tls: { enabled: true }, replicas: 3 },
  networkPolicy: { monitors: [{ podSelector: { matchLabels: { 'app.kubernetes.io/name': 'prometheus' } } }], clients: [{ ipBlock: { cidr: '10.0.0.0/8' } }] },
  edge: { autoscaling: { enabled: true }, service: { type: 'LoadBalancer' } },
  monitoring: { serviceMonitor: { enabled: true }, prometheusRule: { enabled: true } },
  operator: { arguments: ['admin', 'setup-link'] },
  tracing: { endpoint: 'http://collector:4318', share: 0.5 },
};
const VARIANTS = {
  default: { values: BASIC, files: [] },
  'single-tenant': { values: BASIC, files: [`${CHART}/values-single-tenant.yaml`] },
  everything: { values: EVERYTHING, files: [] },
} as const;
type Variant = keyof typeof VARIANTS;

const by = (name: string): Readonly<Record<string, string>> => ({ 'app.kubernetes.io/name': name });
/** What the release may have to do with, and what it may not. */
const OTHERS: readonly Place[] = [
  { name: 'postgres', labels: by('postgresql'), namespace: HOME, ports: [{ port: 5432 }, { port: 22 }] },
  { name: 'nats', labels: by('nats'), namespace: HOME, ports: [{ port: 4222 }, { port: 8222 }] },
  { name: 'redis', labels: by('redis'), namespace: HOME, ports: [{ port: 6379 }] },
  { name: 'collector', labels: by('opentelemetry-collector'), namespace: HOME, ports: [{ port: 4318 }, { port: 8888 }] },
  { name: 'dns', labels: { 'k8s-app': 'kube-dns' }, namespace: { 'kubernetes.io/metadata.name': 'kube-system' }, ports: [{ port: 53 }, { port: 8080 }] },
  { name: 'prometheus', labels: by('prometheus'), namespace: HOME, ports: [] },
  { name: 'neighbour', labels: by('neighbour'), namespace: HOME, ports: [{ port: 443 }] },
  { name: 'stranger', labels: { ...by('countersign'), 'app.kubernetes.io/instance': 'cs', 'app.kubernetes.io/component': 'edge' }, namespace: { 'kubernetes.io/metadata.name': 'other' }, ports: [{ port: 8443 }] },
  { name: 'internet', labels: {}, ports: [{ port: 443 }] },
];
const BUS = ['backup', 'edge', 'identity', 'keys', 'ledger', 'retention', 'bus-keeper', 'bus-provision', 'operator'];
const DATABASE = ['backup', 'identity', 'keys', 'ledger', 'retention', 'provision-backup', 'provision-identity', 'provision-keys', 'provision-ledger', 'provision-retention'];

/** Roads of a variant, without those to the cluster's names, which all have. */
function roadsIn(variant: Variant): string[] {
  const pods = placesOf(podsOf(rendered.get(variant)!));
  const roads = roadsOf(rendered.get(variant)!, [...pods, ...OTHERS]);
  const names = roads.filter((road) => road.endsWith('→ dns:53') && pods.some(({ name }) => road.startsWith(`${name} `)));
  expect(names).toHaveLength(pods.length);
  const unwatched = new Set(['postgres', 'nats', 'redis', 'collector', 'dns', 'prometheus', 'neighbour', 'stranger', 'internet']);
  return roads.filter((road) => !names.includes(road) && !(unwatched.has(road.split(' ')[0]!) && unwatched.has(road.split(' → ')[1]!.split(':')[0]!))).toSorted();
}

const expectedRoads = ({ redis, clients, monitors, operator, traces = false }: { redis: boolean; clients: readonly string[]; monitors: boolean; operator: boolean; traces?: boolean }): string[] =>
  [
    'backup → ledger:8080',
    'edge → ledger:8080',
    ...BUS.filter((name) => operator || name !== 'operator').map((name) => `${name} → nats:4222`),
    ...DATABASE.map((name) => `${name} → postgres:5432`),
    ...(redis ? ['edge → redis:6379', 'identity → redis:6379'] : []),
    ...(traces ? OWN.map((name) => `${name} → collector:4318`) : []),
    ...clients.map((name) => `${name} → edge:8443`),
    ...(monitors ? ['prometheus → backup:9095', 'prometheus → edge:8084', 'prometheus → identity:8082', 'prometheus → keys:8081', 'prometheus → ledger:8080', 'prometheus → retention:8084'] : []),
  ].toSorted();
const ALL_OTHERS = OTHERS.map(({ name }) => name);

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
    expect(pods.map(({ component }) => component)).toEqual(expect.arrayContaining([...OWN, 'backup', 'provision-backup', 'bus-provision', 'bus-keeper', ...OWN.filter((name) => name !== 'edge').map((name) => `provision-${name}`)]));
    expect(pods.flatMap(({ owner, spec }) => restrictedFaults(spec).map((fault) => `${owner}: ${fault}`))).toEqual([]);
  });

  it.each<[string, (spec: PodSpec, container: Container) => PodSpec]>([
    ['hostNetwork', (spec) => ({ ...spec, hostNetwork: true })],
    ['volume host is a hostPath', (spec) => ({ ...spec, volumes: [{ name: 'host', hostPath: { path: '/' } }] })],
    ['pod: runAsNonRoot', (spec) => ({ ...spec, securityContext: { ...spec.securityContext, runAsNonRoot: false } })],
    ['pod: seccompProfile', (spec) => ({ ...spec, securityContext: { ...spec.securityContext, seccompProfile: undefined } })],
    ['pod: automountServiceAccountToken', (spec) => ({ ...spec, automountServiceAccountToken: true })],
    ['edge: privileged', (spec, container) => ({ ...spec, containers: [{ ...container, securityContext: { ...container.securityContext, privileged: true } }] })],
    ['edge: allowPrivilegeEscalation', (spec, container) => ({ ...spec, containers: [{ ...container, securityContext: { ...container.securityContext, allowPrivilegeEscalation: undefined } }] })],
    ['edge: capabilities are not dropped', (spec, container) => ({ ...spec, containers: [{ ...container, securityContext: { ...container.securityContext, capabilities: {} } }] })],
    ['edge: capabilities NET_RAW', (spec, container) => ({ ...spec, containers: [{ ...container, securityContext: { ...container.securityContext, capabilities: { drop: ['ALL'], add: ['NET_RAW'] } } }] })],
    ['edge: its root file system can be written', (spec, container) => ({ ...spec, containers: [{ ...container, securityContext: { ...container.securityContext, readOnlyRootFilesystem: false } }] })],
    ['edge: runs as root', (spec, container) => ({ ...spec, initContainers: [{ ...container, securityContext: { ...container.securityContext, runAsUser: 0 } }] })],
    ['edge: no limits', (spec, container) => ({ ...spec, containers: [{ ...container, resources: {} }] })],
  ])('would tell a pod that is not: %s', (fault, change) => {
    const { spec } = podsOf(rendered.get('default')!).find(({ component }) => component === 'edge')!;
    expect(restrictedFaults(change(spec, spec.containers[0]!))).toEqual([fault]);
  });

  it('is what the schemas of Kubernetes know', async () => {
    expect(await kubernetesFaults([...rendered.values()].flat())).toEqual([]);
    const [policy] = rendered.get('default')!.filter(({ kind }) => kind === 'NetworkPolicy');
    const faults = await kubernetesFaults([{ ...policy!, spec: { ...policy!.spec, policyTypes: ['Outward'] } }, { ...policy!, spec: { ...policy!.spec, egres: [] } }]);
    expect(faults).toEqual([expect.stringMatching(/policyTypes/), expect.stringMatching(/TS2322/), expect.stringMatching(/egres.* does not exist/)]);
  });

  it.each(Object.keys(VARIANTS) as Variant[])('%s: names each thing once', (variant) => {
    const names = rendered.get(variant)!.map(nameOf);
    expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
  });

  it('opens the roads that are in this table, and no other', () => {
    expect(roadsIn('default')).toEqual(expectedRoads({ redis: true, clients: ALL_OTHERS, monitors: false, operator: false }));
    expect(roadsIn('single-tenant')).toEqual(expectedRoads({ redis: false, clients: ALL_OTHERS, monitors: false, operator: false }));
    expect(roadsIn('everything')).toEqual(expectedRoads({ redis: true, clients: ['internet'], monitors: true, operator: true, traces: true }));
  });

  it('lets those talk that Compose gives a network, and those alone', () => {
    const { services } = parse(readFileSync(join(ROOT, 'deploy/compose/docker-compose.yml'), 'utf8'), { merge: true }) as { services: Readonly<Record<string, { networks?: readonly string[] | Readonly<Record<string, unknown>> }>> };
    // What watches has a network with what it watches there; a keeper of streams is the provisioner here that stays.
    const members = Object.entries(services).filter(([name]) => !['alertmanager', 'grafana', 'loki', 'log-shipper', 'prepare', 'restore', 'nats-volume'].includes(name));
    const networksOf = ({ networks = [] }: (typeof services)[string]): readonly string[] => (Array.isArray(networks) ? (networks as readonly string[]) : Object.keys(networks));
    const servers = ['postgres', 'nats', 'redis'];
    const pairs = members.flatMap(([one, first]) => members.filter(([other, second]) => one < other && !(servers.includes(one) && servers.includes(other)) && networksOf(first).some((network) => networksOf(second).includes(network))).map(([other]) => `${one} ${other}`));
    const inCompose = (name: string): string => (name.startsWith('provision-') ? `${name.slice('provision-'.length)}-provision` : name);
    const here = roadsIn('everything').filter((road) => !/bus-keeper|internet|collector/.test(road)).map((road) => road.replace(/:\d+$/, '').split(' → ').map(inCompose).toSorted().join(' '));
    // There a service shares the network of its database with the step that makes it; policies keep the two apart.
    // So do those that read the ledger; and what makes the archive is there on the operator's network, and a part of the pod here.
    const tighter = (pair: string): boolean => /^(\w+) \1-provision$|^backup edge$|^backup-provision (nats|operator)$/.test(pair);
    expect(new Set(here)).toEqual(new Set(pairs.filter((pair) => !tighter(pair))));
    expect(pairs.filter(tighter)).toHaveLength(8);
  });

  it('has no road that a place without a policy would open', () => {
    const without = rendered.get('default')!.filter(({ kind, metadata }) => kind !== 'NetworkPolicy' || metadata.name === 'cs-deny');
    const pods = placesOf(podsOf(without));
    const own = new Set(pods.map(({ name }) => name));
    expect(roadsOf(without, [...pods, ...OTHERS]).filter((road) => road.split(/ → |:/).some((name) => own.has(name)))).toEqual([]);
  });

  it.each(Object.keys(VARIANTS) as Variant[])('%s: gives programs the variables that they know and need, and the services start with them', async (variant) => {
    const pods = podsOf(rendered.get(variant)!).filter(({ component }) => component !== 'operator');
    expect(pods.flatMap(variableFaults)).toEqual([]);
    expect(pods.flatMap(unmountedFiles)).toEqual([]);
    const folder = folderOf({});
    for (const pod of pods.filter(({ component }) => OWN.includes(component))) await expect(readAsService(pod, folder.path)).resolves.toMatchObject({ natsUrl: expect.stringMatching(/nats:4222$/) });
    for (const pod of pods.filter(({ component }) => OWN.includes(component))) expect(readTracing(environmentOf(pod))).toEqual(variant === 'everything' ? { endpoint: 'http://collector:4318', share: 0.5 } : { endpoint: undefined, share: 0.1 });
    const edge = pods.find(({ component }) => component === 'edge')!;
    const missing = { ...edge, spec: { ...edge.spec, containers: [{ ...edge.spec.containers[0]!, env: edge.spec.containers[0]!.env!.filter(({ name }) => name !== 'EDGE_LEDGER_URL') }] } };
    expect(variableFaults(missing)).toEqual(['edge: EDGE_LEDGER_URL is missing']);
    await expect(readAsService(missing, folder.path)).rejects.toThrow('EDGE_LEDGER_URL is missing');
    folder.dispose();
  });

  it('probes what answers, waits for as long as a shutdown may take, and finds what it names', () => {
    for (const { component, spec } of podsOf(rendered.get('default')!).filter((pod) => OWN.includes(pod.component))) {
      const [container] = spec.containers;
      const named = new Set(container!.ports!.map(({ name }) => name));
      expect([container!.startupProbe, container!.livenessProbe, container!.readinessProbe].map((probe) => probe?.httpGet.path)).toEqual(['/healthz', '/healthz', '/readyz']);
      expect(named.has(String(container!.readinessProbe!.httpGet.port))).toBe(true);
      const limit = Number(/SHUTDOWN_LIMIT_MS = ([\d_]+)/.exec(readFileSync(join(ROOT, `apps/${component}/src/main.ts`), 'utf8'))![1]!.replaceAll('_', ''));
      const drain = (container!.lifecycle as { preStop?: { sleep: { seconds: number } } } | undefined)?.preStop?.sleep.seconds ?? 0;
      expect(spec.terminationGracePeriodSeconds! * 1_000).toBeGreaterThan(limit + drain * 1_000);
    }
    const ledger = `http://cs-ledger:${podsOf(rendered.get('default')!).find(({ component }) => component === 'ledger')!.spec.containers[0]!.ports![0]!.containerPort}`;
    expect(environmentOf(podsOf(rendered.get('default')!).find(({ component }) => component === 'edge')!)['EDGE_LEDGER_URL']).toBe(ledger);
    expect(rendered.get('default')!.map(nameOf)).toEqual(expect.arrayContaining(['Service/cs-ledger', 'Service/cs-edge-public', ...OWN.map((name) => `ServiceAccount/cs-${name}`), ...OWN.map((name) => `PodDisruptionBudget/cs-${name}`)]));
  });

  it('gives each workload a Secret and an account of its own, and holds none itself', () => {
    const manifests = rendered.get('everything')!;
    expect(manifests.filter(({ kind }) => kind === 'Secret' || kind === 'ConfigMap' || kind.includes('Role'))).toEqual([]);
    const pods = podsOf(manifests).filter(({ component }) => component !== 'bus-keeper');
    const secrets = pods.flatMap(({ spec }) => (spec.volumes ?? []).flatMap(({ secret }) => (secret === undefined ? [] : [secret.secretName])));
    expect(secrets.toSorted()).toEqual([...new Set(secrets)].toSorted());
    const accounts = pods.filter(({ owner }) => !owner.startsWith('Job/cs-provision') && !owner.startsWith('Job/cs-bus')).map(({ spec }) => spec.serviceAccountName);
    expect(accounts.toSorted()).toEqual([...new Set(accounts)].toSorted());
    const values = podsOf(manifests).flatMap((pod) => Object.entries(environmentOf(pod)).filter(([name]) => /PASSWORD(?!S_DIR|S$)|PASSPHRASE|SEED|TOKEN|DATABASE_URL|REDIS_URL|KEY_FILE/.test(name)).map(([, value]) => value));
    // One is made when the archive is, and stays where that container writes.
    expect(values.filter((value) => !value.startsWith('/run/secrets/countersign/'))).toEqual(['/var/lib/countersign/archive.key']);
  });

  it.each([
    ['secrets in values', { edge: { config: { EDGE_NATS_SEED: 'SUAB' } } }, /EDGE_NATS_SEED/],
    ['URLs with credentials', { nats: { url: 'nats://user:secret@nats:4222' } }, /nats\/url/],
    ['values that nobody reads', { egde: {} }, /egde/],
    ['a second ledger', { ledger: { replicas: 2 } }, /ledger\/replicas/],
    ['a second archive of the log', { backup: { replicas: 2 } }, /backup\/replicas/],
    ['peers that would be everybody', { nats: { peers: [] } }, /nats\/peers/],
    ['a collector with credentials', { tracing: { endpoint: 'http://user:secret@collector:4318' } }, /tracing\/endpoint/],
    ['certificates without TLS', { nats: { tls: { enabled: true } } }, /nats\/url/],
    ['several edges with limits of their own', { redis: { enabled: false } }, /several instances of edge/],
    ['metrics that nobody is let to', { monitoring: { serviceMonitor: { enabled: true } } }, /networkPolicy.monitors/],
    ['a variable that follows from another value', { ledger: { config: { LEDGER_STATE_DIR: '/tmp' } } }, /LEDGER_STATE_DIR follows/],
    ['an origin that browsers would not have', { publicOrigin: 'http://audit.example.com' }, /publicOrigin/],
  ])('refuses %s', (_what, values, reason) => {
    expect(template({ ...BASIC, ...values }).refusal).toMatch(reason);
  });

  it('writes what an upgrade would migrate by Jobs of the owner that are no part of it', async () => {
    const jobs = (values: object): Manifest[] => template({ ...BASIC, ...values }).manifests.filter(({ metadata }) => metadata.name?.startsWith('cs-migrate-dry-run-') === true);
    expect(jobs({})).toEqual([]);
    const manifests = jobs({ provision: { dryRun: true } });
    const pods = podsOf(manifests);
    expect(manifests.map(({ metadata }) => metadata.annotations)).toEqual(STORING.map(() => undefined));
    // The roads of provisioning are theirs too.
    expect(pods.map(({ component }) => component).toSorted()).toEqual(STORING.map((name) => `provision-${name}`));
    expect(pods.map(({ spec }) => spec.containers[0]!.args)).toEqual(STORING.map(() => ['/app/migrate.mjs', '--dry-run']));
    expect(pods.flatMap(({ owner, spec }) => restrictedFaults(spec).map((fault) => `${owner}: ${fault}`))).toEqual([]);
    expect(pods.map((pod) => ({ ...pod, component: pod.component.replace('provision', 'migrate') })).flatMap(variableFaults)).toEqual([]);
    expect(JSON.stringify(manifests)).not.toMatch(/ADMIN_DATABASE_URL/);
    expect(await kubernetesFaults(manifests)).toEqual([]);
  });

  it('serves backups once a container before has made their archive, and leaves them to others where it is told so', () => {
    const { spec } = podsOf(rendered.get('everything')!).find(({ component }) => component === 'backup')!;
    const [made] = spec.initContainers!;
    const [served] = spec.containers;
    expect([made!.args, served!.args]).toEqual([['/app/start.mjs', 'backup', 'provision'], ['/app/start.mjs', 'backup', 'serve', '--drill-days', '28', '--scratch', '/var/lib/countersign/scratch']]);
    const archive = (container: Container): unknown => [container.env!.filter(({ name }) => /BACKUP_(ARCHIVE|KEY_FILE)$/.test(name)), container.volumeMounts!.filter(({ name }) => ['state', 'archive'].includes(name))];
    expect(archive(made!)).toEqual(archive(served!));
    // The operator's seed is that container's alone.
    const mounted = (container: Container): readonly string[] => container.volumeMounts!.filter(({ readOnly }) => readOnly).map(({ name }) => name);
    expect([mounted(made!), mounted(served!)]).toEqual([['init-secrets', 'init-bus-tls'], ['secrets', 'bus-tls']]);
    const { manifests } = template({ ...BASIC, backup: { enabled: false } });
    expect(manifests.filter((manifest) => JSON.stringify(manifest).includes('backup')).map(nameOf)).toEqual([]);
  });

  it('refuses every secret of the services in values', () => {
    const { properties } = JSON.parse(readFileSync(join(ROOT, CHART, 'values.schema.json'), 'utf8')) as { properties: Readonly<Record<string, { properties: { config: { propertyNames: { not: { pattern: string } } } } }>> };
    for (const [service, secrets] of Object.entries(SERVICE_SECRETS)) {
      const refused = new RegExp(properties[service]!.properties.config.propertyNames.not.pattern);
      expect(secrets.map(({ name }) => name).filter((name) => !refused.test(name))).toEqual([]);
    }
  });
});
