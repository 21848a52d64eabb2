import type { Manifest, Pod } from './manifests.js';

type Labels = Readonly<Record<string, string>>;
interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: unknown;
}
interface Peer {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string };
}
interface Rule {
  readonly ports?: readonly { readonly protocol?: string; readonly port?: number | string }[];
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
}
interface Policy {
  readonly podSelector: Selector;
  readonly policyTypes: readonly string[];
  readonly ingress?: readonly Rule[];
  readonly egress?: readonly Rule[];
}

/** A pod, or something else that may be one end of a connection. */
export interface Place {
  readonly name: string;
  readonly labels: Labels;
  /** Of its namespace; undefined: outside the cluster. */
  readonly namespace?: Labels;
  readonly ports: readonly { readonly name?: string; readonly port: number }[];
}

export const HOME: Labels = { 'kubernetes.io/metadata.name': 'audit' };

export function placesOf(pods: readonly Pod[]): Place[] {
  return pods.map(({ component, labels, spec }) => ({
    name: component,
    labels,
    namespace: HOME,
    ports: spec.containers.flatMap(({ ports = [] }) => ports.map(({ name, containerPort }) => ({ name, port: containerPort }))),
  }));
}

/** `from → to:port` for every connection that the policies allow, by the rules of networking.k8s.io/v1. */
export function roadsOf(manifests: readonly Manifest[], places: readonly Place[]): string[] {
  const policies = manifests.filter(({ kind }) => kind === 'NetworkPolicy').map(({ spec }) => spec as unknown as Policy);
  return places.flatMap((from) =>
    places.flatMap((to) => (from === to ? [] : to.ports.filter((port) => mayLeave(policies, from, to, port) && mayEnter(policies, from, to, port)).map(({ port }) => `${from.name} → ${to.name}:${port}`))),
  );
}

type Port = Place['ports'][number];

function mayLeave(policies: readonly Policy[], from: Place, to: Place, port: Port): boolean {
  const own = policies.filter(({ policyTypes, podSelector }) => policyTypes.includes('Egress') && isOf(podSelector, from));
  return own.length === 0 || own.some(({ egress = [] }) => egress.some((rule) => isOpen(rule, rule.to, to, port)));
}

function mayEnter(policies: readonly Policy[], from: Place, to: Place, port: Port): boolean {
  const own = policies.filter(({ policyTypes, podSelector }) => policyTypes.includes('Ingress') && isOf(podSelector, to));
  return own.length === 0 || own.some(({ ingress = [] }) => ingress.some((rule) => isOpen(rule, rule.from, from, port)));
}

/** Whether a policy of the release selects a place: only pods of its namespace can be. */
const isOf = (selector: Selector, place: Place): boolean => place.namespace === HOME && fits(selector, place.labels);

/** No ports: all; no peers: everybody. */
function isOpen({ ports }: Rule, peers: readonly Peer[] | undefined, other: Place, { name, port }: Port): boolean {
  const isPort = ports === undefined || ports.length === 0 || ports.some((one) => (one.protocol ?? 'TCP') === 'TCP' && (one.port === undefined || one.port === port || one.port === name));
  return isPort && (peers === undefined || peers.length === 0 || peers.some((peer) => isPeer(peer, other)));
}

function isPeer({ podSelector, namespaceSelector, ipBlock }: Peer, place: Place): boolean {
  // A block of addresses may hold anything: so it is counted as holding whatever is outside, and nothing that is selected by labels.
  if (ipBlock !== undefined) return place.namespace === undefined;
  if (place.namespace === undefined) return false;
  const isNamespace = namespaceSelector === undefined ? place.namespace === HOME : fits(namespaceSelector, place.namespace);
  return isNamespace && (podSelector === undefined || fits(podSelector, place.labels));
}

function fits({ matchLabels = {}, matchExpressions }: Selector, labels: Labels): boolean {
  if (matchExpressions !== undefined) throw new Error('the chart has no matchExpressions, so this reads none');
  return Object.entries(matchLabels).every(([name, value]) => labels[name] === value);
}
