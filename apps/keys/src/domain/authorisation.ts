import { KEYS_BACKUP_PURPOSE, KEYS_IMPORT_PURPOSE, type KeysOperation } from '@countersign/contracts';
import { KeysFault } from './keys-fault.js';

/** Who may do what with which keys. Whatever is not listed here is refused. */

export interface Grant {
  readonly service: string;
  /** A purpose, `<word>.*` for all below a word, or `*`. Subjects' keys are `personal`, checkpoint keys `signing`. */
  readonly purpose: string;
  readonly operations: readonly KeysOperation[];
  readonly why: string;
}

const FIELDS = ['data-key', 'blind-index-key', 'report-remaining'] as const;
const SUBJECTS = ['subject-keys', 'subject-keys-by-id'] as const;
const FILES = ['wrap', 'unwrap', 'rewrap'] as const;

export const GRANTS: readonly Grant[] = [
  { service: 'ledger', purpose: 'personal', operations: SUBJECTS, why: 'encrypts personal parts when they are appended, decrypts them for readers' },
  { service: 'ledger', purpose: 'ledger.*', operations: FIELDS, why: 'refused and parked messages may hold personal data before anybody could tell' },
  { service: 'ledger', purpose: 'signing', operations: ['vkeys', 'sign-checkpoint'], why: 'has its checkpoints signed; private halves never leave the key service' },
  { service: 'identity', purpose: 'personal', operations: SUBJECTS, why: 'personal fields of accounts and of its own events' },
  { service: 'identity', purpose: 'identity.*', operations: [...FIELDS, ...FILES], why: 'secrets of second factors, tokens of providers, search by national id' },
  { service: 'retention', purpose: 'personal', operations: [...SUBJECTS, 'destroy-subject'], why: 'answers requests for access, and erases' },
  { service: 'retention', purpose: 'retention.*', operations: [...FIELDS, ...FILES], why: 'exports and evidence lie encrypted in a store of files' },
  { service: 'retention', purpose: 'certificates', operations: ['sign-certificate'], why: 'what it has had destroyed is proved by a key that it cannot use for anything else' },
  { service: 'edge', purpose: 'edge.*', operations: FIELDS, why: 'secrets of API clients' },
  {
    service: 'operator',
    purpose: '*',
    operations: ['list', 'show', 'rotate', 'raise-minimum', 'retire-version', 'schedule-destruction', 'cancel-destruction', 'rewrap-status', 'roll-epoch', 'destroy-subject', 'vkeys', 'import-signing-key'],
    why: 'a person at the command line manages keys and never sees one',
  },
  { service: 'operator', purpose: KEYS_IMPORT_PURPOSE, operations: ['wrap'], why: 'signing keys that were made elsewhere travel under a key that serves for nothing else' },
  { service: 'operator', purpose: KEYS_BACKUP_PURPOSE, operations: ['wrap', 'unwrap'], why: 'makes the key of an archive of backups, and gets it back for whoever has lost the file; each time is on record' },
];

/** Everybody's duty: what is reported about is checked where it is stored, and what is told is about the asker's own. */
const DUTIES: readonly KeysOperation[] = ['report-uses', 'report-refusals', 'held-versions'];

/** What an operation touches, for {@link authorise}. */
export interface Asked {
  readonly service: string;
  readonly operation: KeysOperation;
  /** Undefined where the operation names no tenant. */
  readonly tenant: string | undefined;
  readonly purpose: string;
}

const PURPOSE_OF: Partial<Readonly<Record<KeysOperation, string>>> = {
  'subject-keys': 'personal',
  'subject-keys-by-id': 'personal',
  'destroy-subject': 'personal',
  'roll-epoch': 'personal',
  vkeys: 'signing',
  'sign-checkpoint': 'signing',
  'sign-certificate': 'certificates',
  'import-signing-key': 'signing',
};

/** The tenant and the purpose that a request is about. */
export function askedOf(service: string, operation: KeysOperation, args: object): Asked {
  const { tenant, purpose } = args as { tenant?: unknown; purpose?: unknown };
  return {
    service,
    operation,
    tenant: typeof tenant === 'string' ? tenant : undefined,
    purpose: PURPOSE_OF[operation] ?? (typeof purpose === 'string' ? purpose : '*'),
  };
}

/**
 * Throws KEY_PURPOSE_FORBIDDEN, TENANT_FORBIDDEN.
 * @param tenants tenants that this deployment confines the service to; undefined: all
 */
export function authorise(asked: Asked, tenants: readonly string[] | undefined, grants: readonly Grant[] = GRANTS): void {
  if (DUTIES.includes(asked.operation)) return;
  const allowed = grants.some(({ service, purpose, operations }) => service === asked.service && operations.includes(asked.operation) && covers(purpose, asked.purpose));
  if (!allowed) throw new KeysFault('KEY_PURPOSE_FORBIDDEN', `${asked.service} may not use ${asked.operation} with keys of this purpose`, { field: 'purpose' });
  // One who is confined may not ask about everybody either.
  if (tenants !== undefined && (asked.tenant === undefined || !tenants.includes(asked.tenant))) {
    throw new KeysFault('TENANT_FORBIDDEN', `${asked.service} may not act for this tenant`, { field: 'tenant' });
  }
}

function covers(granted: string, purpose: string): boolean {
  if (granted === '*' || granted === purpose) return true;
  return granted.endsWith('.*') && purpose.startsWith(granted.slice(0, -1));
}
