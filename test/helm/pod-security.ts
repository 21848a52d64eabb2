import type { Container, PodSpec } from './manifests.js';

/** https://kubernetes.io/docs/concepts/security/pod-security-standards, "Restricted", which includes "Baseline". */
const VOLUMES = new Set(['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret']);
const SECCOMP = new Set(['RuntimeDefault', 'Localhost']);
const HOST_FIELDS = ['hostNetwork', 'hostPID', 'hostIPC'] as const;

type Context = Readonly<Record<string, unknown>>;
const typeOf = (value: unknown): unknown => (value as { readonly type?: unknown } | undefined)?.type;

/** What the standard "restricted" refuses of a pod that runs Linux, and what we ask beyond it; none: it is admitted. */
export function restrictedFaults(spec: PodSpec): string[] {
  const pod: Context = spec.securityContext ?? {};
  const containers = [...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])];
  return [
    ...HOST_FIELDS.filter((field) => spec[field] === true),
    ...(spec.volumes ?? []).flatMap((volume) => Object.keys(volume).filter((key) => key !== 'name' && !VOLUMES.has(key)).map((kind) => `volume ${volume.name} is a ${kind}`)),
    ...baselineFaults('pod', pod),
    ...(pod['runAsNonRoot'] === true ? [] : ['pod: runAsNonRoot']),
    ...(pod['runAsUser'] === 0 ? ['pod: runAsUser'] : []),
    ...(SECCOMP.has(String(typeOf(pod['seccompProfile']))) ? [] : ['pod: seccompProfile']),
    ...containers.flatMap(containerFaults),
    // Beyond the standard.
    ...(spec.automountServiceAccountToken === false ? [] : ['pod: automountServiceAccountToken']),
    ...(Number(pod['runAsUser']) > 0 && Number(pod['runAsGroup']) > 0 ? [] : ['pod: no user and group of its own']),
  ];
}

function baselineFaults(name: string, context: Context): string[] {
  const options = context['seLinuxOptions'] as Readonly<Record<string, unknown>> | undefined;
  return [
    ...(context['sysctls'] === undefined ? [] : [`${name}: sysctls`]),
    ...(context['windowsOptions'] === undefined ? [] : [`${name}: windowsOptions`]),
    ...(options === undefined ? [] : [`${name}: seLinuxOptions`]),
    ...(['RuntimeDefault', 'Localhost', 'undefined'].includes(String(typeOf(context['appArmorProfile']))) ? [] : [`${name}: appArmorProfile`]),
    ...(['RuntimeDefault', 'Localhost', 'undefined'].includes(String(typeOf(context['seccompProfile']))) ? [] : [`${name}: seccompProfile`]),
  ];
}

function containerFaults(container: Container): string[] {
  const { name, securityContext: own = {}, ports = [] } = container;
  const { add = [], drop = [] } = (own['capabilities'] ?? {}) as { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  const limits = container.resources?.limits ?? {};
  return [
    ...baselineFaults(name, own),
    ...(own['privileged'] === true ? [`${name}: privileged`] : []),
    ...(own['allowPrivilegeEscalation'] === false ? [] : [`${name}: allowPrivilegeEscalation`]),
    ...(drop.includes('ALL') ? [] : [`${name}: capabilities are not dropped`]),
    ...(add.length === 0 ? [] : [`${name}: capabilities ${add.join(', ')}`]),
    ...(own['runAsNonRoot'] === false || own['runAsUser'] === 0 ? [`${name}: runs as root`] : []),
    ...(own['procMount'] === undefined || own['procMount'] === 'Default' ? [] : [`${name}: procMount`]),
    ...([container.startupProbe, container.livenessProbe, container.readinessProbe].some((probe) => probe?.httpGet.host !== undefined) ? [`${name}: a probe of another host`] : []),
    ...(ports.some(({ hostPort }) => hostPort !== undefined) ? [`${name}: hostPort`] : []),
    // Beyond the standard.
    ...(own['readOnlyRootFilesystem'] === true ? [] : [`${name}: its root file system can be written`]),
    ...(['cpu', 'memory'].every((what) => limits[what] !== undefined) ? [] : [`${name}: no limits`]),
  ];
}
