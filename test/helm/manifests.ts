import { parseAllDocuments } from 'yaml';

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number; readonly hostPort?: number }[];
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly resources?: { readonly limits?: Readonly<Record<string, unknown>>; readonly requests?: Readonly<Record<string, unknown>> };
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly lifecycle?: unknown;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
}
interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string | number; readonly host?: string };
}
export interface Volume {
  readonly name: string;
  readonly secret?: { readonly secretName: string; readonly items?: readonly { readonly key: string; readonly path: string }[] };
  readonly [kind: string]: unknown;
}
export interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly ephemeralContainers?: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly [field: string]: unknown;
}
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name?: string; readonly generateName?: string; readonly labels: Readonly<Record<string, string>>; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}
export interface Pod {
  /** Kind and name of what makes it. */
  readonly owner: string;
  readonly component: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
}

/** Documents of `helm template`. Throws for text that is not YAML, or has a key twice. */
export function readManifests(text: string): Manifest[] {
  return parseAllDocuments(text, { uniqueKeys: true }).flatMap((document) => {
    if ('errors' in document && document.errors.length > 0) throw document.errors[0]!;
    const value = document.toJS() as Manifest | null;
    return value === null ? [] : [value];
  });
}

export const nameOf = ({ kind, metadata }: Manifest): string => `${kind}/${metadata.name ?? metadata.generateName}`;

/** What would run. */
export function podsOf(manifests: readonly Manifest[]): Pod[] {
  return manifests.flatMap((manifest) => {
    const template = manifest.spec?.['template'] as { readonly metadata: { readonly labels: Readonly<Record<string, string>> }; readonly spec: PodSpec } | undefined;
    if (template === undefined) return [];
    const { labels } = template.metadata;
    return [{ owner: nameOf(manifest), component: labels['app.kubernetes.io/component']!, labels, spec: template.spec }];
  });
}
