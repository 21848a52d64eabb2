import { createPrivateKey } from 'node:crypto';
import {
  RightEdge, SIGNATURE_TYPE, admitEvent, chainEntry, ed25519NoteSignature, formatCheckpoint, formatCheckpointBody, genesisHash,
  leafHash, mlDsa44Cosignature, saltedPart, vkeyOf, ExportEncoder,
} from '../src/index.js';
import type { ExportedEntry, JsonObject, NoteSignature, SealedPart, TreeHead, Vkey } from '../src/index.js';

/** A ledger of a few entries, the same bytes at every run but for ML-DSA's own randomness. */
export const ORIGIN = 'audit.example.com/acme';
export const TENANT = 'acme';
const SIGNED_AT_S = 1_790_000_000;

// RFC 8032 §7.1, test 1; a seed of FIPS 204's size.
const ed25519 = createPrivateKey({
  key: Buffer.from('302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex'),
  format: 'der',
  type: 'pkcs8',
});
const mlDsa44 = createPrivateKey({
  key: Buffer.concat([Buffer.from('3034020100300b06096086480165030403110422', 'hex'), Buffer.from('8020', 'hex'), Buffer.alloc(32, 7)]),
  format: 'der',
  type: 'pkcs8',
});

export const VKEYS: readonly Vkey[] = [
  vkeyOf(ORIGIN, SIGNATURE_TYPE.ed25519, ed25519),
  vkeyOf(ORIGIN, SIGNATURE_TYPE.mlDsa44Cosignature, mlDsa44),
];

export interface FixtureLedger {
  readonly entries: readonly ExportedEntry[];
  readonly edges: readonly RightEdge[];
}

/** What entry `i` records: all optional fields on every third, personal parts on every second, none at all on the rest. */
function eventAt(i: number, tenant: string): object {
  const personal = [
    { subject: `user-${i}`, data: { ip: `192.0.2.${i}`, name: 'Zoë "Z" Müller\n' } },
    { subject: 'user-0', data: { city: '東京' } },
  ];
  return {
    id: `00000000-0000-7000-8000-${i.toString(16).padStart(12, '0')}`,
    type: 'identity.session.created',
    source: 'identity',
    tenant,
    time: '2026-11-22T10:00:00.000Z',
    severity: 'info',
    outcome: 'success',
    actor: { type: 'user', id: i % 4 === 3 ? `ü\\"${i}` : `user-${i}` },
    ...(i % 3 === 0 ? { resource: { type: 'session', id: `s-${i}` }, correlationId: `c-${i}`, producer: { id: 'p', sequence: i + 1 } } : {}),
    ...(i % 5 === 4 ? {} : { data: { attempt: i, method: 'passkey' } }),
    ...(i % 2 === 0 ? { personal: personal.slice(0, (i % 4) / 2 + 1) } : {}),
  };
}

function seal(event: { readonly data?: string | undefined; readonly personal: readonly string[] }, subjects: readonly string[]): SealedPart[] {
  const salt = Buffer.alloc(16, 0x5a);
  const data = event.data === undefined ? [] : [saltedPart('data', event.data, salt)];
  return [...data, ...event.personal.map((json, i) => saltedPart('personal', json, salt, subjects[i]))];
}

export function ledgerOf(size: number, { tenant = TENANT, origin = ORIGIN } = {}): FixtureLedger {
  const edge = RightEdge.empty();
  const edges = [edge.clone()];
  const entries: ExportedEntry[] = [];
  let previousEventHash = genesisHash(origin);
  for (let index = 0; index < size; index++) {
    const value = eventAt(index, tenant) as { personal?: { subject: string; data: JsonObject }[] };
    const admitted = admitEvent(value, { source: 'identity', tenant });
    const parts = seal(admitted, (value.personal ?? []).map(({ subject }) => subject));
    const recordedAt = new Date(Date.UTC(2026, 10, 22, 10, 0, 1) + index).toISOString();
    const { text, eventHash } = chainEntry(admitted, parts.map(({ descriptor }) => descriptor), { index, previousEventHash }, recordedAt);
    const stored = (name: string): Buffer[] => parts.filter(({ descriptor }) => descriptor.name === name).map((part) => part.stored);
    entries.push({ entry: Buffer.from(text), data: stored('data')[0] ?? null, personal: stored('personal') });
    edge.append(Buffer.from(eventHash, 'hex'));
    edges.push(edge.clone());
    previousEventHash = eventHash;
  }
  return { entries, edges };
}

/** The ledger with one entry changed and every later one chained to it anew: whole in itself, another tree. */
export function rewrittenFrom(ledger: FixtureLedger, from: number, change: (entry: string) => string): FixtureLedger {
  const edge = ledger.edges[from]!.clone();
  const edges = ledger.edges.slice(0, from + 1);
  const entries = ledger.entries.slice(0, from);
  let previous = '';
  for (const [i, stored] of ledger.entries.slice(from).entries()) {
    const text = stored.entry.toString('utf8');
    const entry = Buffer.from(i === 0 ? change(text) : text.replace(/("previousEventHash":").{64}/, `$1${previous}`));
    previous = leafHash(entry).toString('hex');
    edge.append(leafHash(entry));
    edges.push(edge.clone());
    entries.push({ ...stored, entry });
  }
  return { entries, edges };
}

/** The signed note over the first `treeSize` entries, or over another root. */
export function noteOf(ledger: FixtureLedger, treeSize = ledger.entries.length, root = ledger.edges[treeSize]!.root()): string {
  const head = { origin: ORIGIN, treeSize, root };
  return formatCheckpoint(head, [classical(head), mlDsa44Cosignature(ORIGIN, mlDsa44, head, SIGNED_AT_S)]);
}

/** With the Ed25519 signature only: short, and quick to verify ten thousand times. */
export function shortNoteOf(ledger: FixtureLedger): string {
  const head = { origin: ORIGIN, treeSize: ledger.entries.length, root: ledger.edges.at(-1)!.root() };
  return formatCheckpoint(head, [classical(head)]);
}

function classical(head: TreeHead): NoteSignature {
  return ed25519NoteSignature(ORIGIN, ed25519, formatCheckpointBody(head));
}

export interface Forgery {
  readonly entries?: readonly ExportedEntry[];
  readonly tenant?: string;
  readonly origin?: string;
  readonly note?: string;
}

/** The export of a ledger, with whatever a forger puts in its place; the digest is made to fit. */
export function exportOf(ledger: FixtureLedger, forged: Forgery = {}): Buffer {
  const entries = forged.entries ?? ledger.entries;
  const encoder = new ExportEncoder({ origin: forged.origin ?? ORIGIN, tenant: forged.tenant ?? TENANT, treeSize: entries.length });
  return Buffer.from(encoder.start() + encoder.entries(entries) + encoder.end(forged.note ?? noteOf(ledger)));
}
