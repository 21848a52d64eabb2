import { describe, expect, it } from '@jest/globals';
import type { KeysOperation } from '@countersign/contracts';
import { askedOf, authorise } from '../src/domain/authorisation.js';
import { activeVersion, decideKey, decryptingVersion, evolveKey, rotationDue, SUBJECT_DIGESTS_PURPOSE, type Key, type KeyCommand } from '../src/domain/key.js';
import { keyAggregate } from '../src/domain/key-aggregate.js';
import { keyIdOf, nextKeyId } from '../src/domain/key-id.js';
import { KeysFault } from '../src/domain/keys-fault.js';

const DAY_MS = 86_400_000;
const NAME = { tenant: 'acme', purpose: 'ledger.quarantine' };
const CREATE: KeyCommand = { type: 'create', name: NAME, kind: 'data', policy: { days: 90, uses: 1_000 }, keyId: 'dk_a_1', atMs: 0 };
const ROTATE = (version: number, atMs = DAY_MS): KeyCommand => ({ type: 'rotate', keyId: `dk_a_${version}`, reason: 'asked', atMs });

const SCHEDULE: KeyCommand = { type: 'schedule-destruction', waitDays: 7, isForced: false, atMs: 0 };

const after = (...commands: readonly KeyCommand[]): Key | undefined =>
  commands.reduce<Key | undefined>((key, command) => decideKey(command, key).reduce<Key | undefined>(evolveKey, key), undefined);

const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof KeysFault) return error.code;
    throw error;
  }
  return 'none';
};

describe('a key', () => {
  it('has one version at first, which encrypts', () => {
    expect(activeVersion(after(CREATE))).toEqual({ version: 1, keyId: 'dk_a_1', state: 'active', createdAtMs: 0 });
  });

  it('is made once', () => {
    expect(decideKey(CREATE, after(CREATE))).toEqual([]);
  });

  it('after a rotation decrypts with the old version and encrypts with the new one', () => {
    const key = after(CREATE, ROTATE(2));
    expect(key?.versions.map(({ state }) => state)).toEqual(['decrypt-only', 'active']);
    expect(activeVersion(key).version).toBe(2);
    expect(decryptingVersion(key, 'dk_a_1').version).toBe(1);
  });

  it.each<[string, string, () => unknown]>([
    ['KEY_UNKNOWN', 'there is none', () => activeVersion(undefined)],
    ['KEY_UNKNOWN', 'a command on none', () => decideKey(ROTATE(2), undefined)],
    ['KEY_UNKNOWN', 'another key id', () => decryptingVersion(after(CREATE), 'dk_b_1')],
    ['KEY_VERSION_TOO_OLD', 'below the minimum', () => decryptingVersion(after(CREATE, ROTATE(2), { type: 'raise-minimum', version: 2, atMs: 0 }), 'dk_a_1')],
    ['KEY_UNKNOWN', 'a minimum above all versions', () => after(CREATE, { type: 'raise-minimum', version: 2, atMs: 0 })],
    ['KEY_IN_USE', 'retiring the active version', () => after(CREATE, { type: 'retire-version', version: 1, remaining: 0, atMs: 0 })],
    ['KEY_SCAN_MISSING', 'retiring what nobody has counted', () => after(CREATE, ROTATE(2), { type: 'retire-version', version: 1, remaining: undefined, atMs: 0 })],
    ['KEY_IN_USE', 'retiring what has rows', () => after(CREATE, ROTATE(2), { type: 'retire-version', version: 1, remaining: 1, atMs: 0 })],
    ['KEY_DESTROYED', 'decrypting with a retired version', () => decryptingVersion(after(CREATE, ROTATE(2), { type: 'retire-version', version: 1, remaining: 0, atMs: 0 }), 'dk_a_1')],
    ['DESTRUCTION_NOT_SCHEDULED', 'cancelling nothing', () => after(CREATE, { type: 'cancel-destruction', atMs: 0 })],
    ['DESTRUCTION_NOT_SCHEDULED', 'destroying unasked', () => after(CREATE, { type: 'destroy', atMs: DAY_MS })],
    ['DESTRUCTION_NOT_SCHEDULED', 'destroying early', () => after(CREATE, { type: 'schedule-destruction', waitDays: 7, isForced: false, atMs: 0 }, { type: 'destroy', atMs: 7 * DAY_MS - 1 })],
    ['DESTRUCTION_NOT_SCHEDULED', 'destroying after a cancellation', () => after(CREATE, { type: 'schedule-destruction', waitDays: 1, isForced: false, atMs: 0 }, { type: 'cancel-destruction', atMs: 1 }, { type: 'destroy', atMs: DAY_MS })],
    ['KEY_DESTROYED', 'encrypting after its end', () => activeVersion(after(CREATE, { type: 'schedule-destruction', waitDays: 1, isForced: false, atMs: 0 }, { type: 'destroy', atMs: DAY_MS }))],
    ['KEY_DESTROYED', 'rotating after its end', () => after(CREATE, { type: 'schedule-destruction', waitDays: 1, isForced: false, atMs: 0 }, { type: 'destroy', atMs: DAY_MS }, ROTATE(2))],
    ['KEY_EXISTS', 'importing what is there', () => after(CREATE, { ...CREATE, type: 'import' })],
    ['DESTRUCTION_NOT_FORCED', 'the end of a key that signs for a log', () => after({ ...CREATE, kind: 'signing' }, SCHEDULE)],
    ['DESTRUCTION_NOT_FORCED', 'the end of the key of digests', () => after({ ...CREATE, name: { tenant: 'system', purpose: SUBJECT_DIGESTS_PURPOSE } }, SCHEDULE)],
  ])('refuses with %s: %s', (code, _what, work) => {
    expect(codeOf(work)).toBe(code);
  });

  it('that signs for a log is destroyed when that is forced', () => {
    expect(after({ ...CREATE, kind: 'signing' }, { ...SCHEDULE, isForced: true })?.destroyAtMs).toBe(7 * DAY_MS);
  });

  it('that was imported is like one that was made here', () => {
    const { type: _type, ...facts } = CREATE;
    expect(after({ ...facts, type: 'import' })).toEqual(after(CREATE));
    const [event] = keyAggregate.decide({ ...facts, type: 'import' }, undefined);
    expect(event?.type).toBe('keys.data-key.imported');
    expect(keyAggregate.evolve(undefined, event!)).toEqual(after(CREATE));
  });

  it('keeps the waiting period that was promised first', () => {
    const key = after(CREATE, { type: 'schedule-destruction', waitDays: 7, isForced: false, atMs: 0 });
    expect(decideKey({ type: 'schedule-destruction', waitDays: 1, isForced: false, atMs: 1 }, key)).toEqual([]);
    expect(key?.destroyAtMs).toBe(7 * DAY_MS);
  });

  it.each<[string, number, number, number, string | undefined]>([
    ['young and fresh', DAY_MS, 0, 100, undefined],
    ['a moment before its age', 90 * DAY_MS - 1, 0, 100, undefined],
    ['of its age', 90 * DAY_MS, 0, 100, 'age'],
    ['with the uses of its policy', DAY_MS, 1_000, 100, 'uses'],
    ['one lease below the limit of the algorithm', DAY_MS, 0, 2 ** 32, 'uses'],
  ])('that is %s is rotated accordingly', (_what, nowMs, usesLeased, lease, reason) => {
    expect(rotationDue(after(CREATE)!, nowMs, usesLeased, lease)).toBe(reason);
  });

  it('is the same when it is read back from its recorded events', () => {
    const commands: KeyCommand[] = [CREATE, ROTATE(2), ROTATE(3), { type: 'raise-minimum', version: 2, atMs: 5 }, { type: 'retire-version', version: 1, remaining: 0, atMs: 6 }, { type: 'schedule-destruction', waitDays: 3, isForced: false, atMs: 7 }];
    let recorded: Key | undefined;
    let types: string[] = [];
    for (const command of commands) {
      const events = keyAggregate.decide(command, recorded);
      types = [...types, ...events.map(({ type }) => type)];
      recorded = events.reduce<Key | undefined>((key, event) => keyAggregate.evolve(key, event), recorded);
    }
    expect(recorded).toEqual(after(...commands));
    expect(types).toEqual(['created', 'rotated', 'rotated', 'minimum-raised', 'version-retired', 'destruction-scheduled'].map((what) => `keys.data-key.${what}`));
  });
});

describe('a key id', () => {
  it('says kind and version, and the next one differs in the version only', () => {
    const id = keyIdOf('data', Buffer.alloc(16, 0xff), 1);
    expect(id).toBe('dk_77777777777777777777777774_1');
    expect(nextKeyId(id, 2)).toBe('dk_77777777777777777777777774_2');
  });
});

describe('authorisation', () => {
  it.each<[string, KeysOperation, object, string]>([
    ['ledger', 'data-key', NAME, 'none'],
    ['ledger', 'data-key', { tenant: 'acme', purpose: 'identity.mfa' }, 'KEY_PURPOSE_FORBIDDEN'],
    ['ledger', 'data-key', { tenant: 'acme', purpose: 'ledgerx.quarantine' }, 'KEY_PURPOSE_FORBIDDEN'],
    ['ledger', 'subject-keys', { tenant: 'acme' }, 'none'],
    ['ledger', 'sign-checkpoint', { origin: 'x' }, 'none'],
    ['ledger', 'destroy-subject', { tenant: 'acme' }, 'KEY_PURPOSE_FORBIDDEN'],
    ['ledger', 'rotate', NAME, 'KEY_PURPOSE_FORBIDDEN'],
    ['identity', 'sign-checkpoint', { origin: 'x' }, 'KEY_PURPOSE_FORBIDDEN'],
    ['edge', 'subject-keys', { tenant: 'acme' }, 'KEY_PURPOSE_FORBIDDEN'],
    ['operator', 'rotate', NAME, 'none'],
    ['operator', 'data-key', NAME, 'KEY_PURPOSE_FORBIDDEN'],
    ['operator', 'unwrap', NAME, 'KEY_PURPOSE_FORBIDDEN'],
    ['operator', 'wrap', NAME, 'KEY_PURPOSE_FORBIDDEN'],
    ['operator', 'wrap', { tenant: 'system', purpose: 'keys.import' }, 'none'],
    ['operator', 'unwrap', { tenant: 'system', purpose: 'keys.import' }, 'KEY_PURPOSE_FORBIDDEN'],
    ['operator', 'import-signing-key', { origin: 'x' }, 'none'],
    ['ledger', 'import-signing-key', { origin: 'x' }, 'KEY_PURPOSE_FORBIDDEN'],
    ['edge', 'report-uses', {}, 'none'],
    ['edge', 'report-refusals', {}, 'none'],
    ['nobody', 'list', {}, 'KEY_PURPOSE_FORBIDDEN'],
  ])('of %s for %s with %j: %s', (service, operation, args, code) => {
    expect(codeOf(() => authorise(askedOf(service, operation, args), undefined))).toBe(code);
  });

  it.each([
    ['one of its tenants', { tenant: 'acme' }, 'none'],
    ['another tenant', { tenant: 'globex' }, 'TENANT_FORBIDDEN'],
    ['no tenant', {}, 'TENANT_FORBIDDEN'],
  ])('of a confined operator for %s', (_what, args, code) => {
    expect(codeOf(() => authorise(askedOf('operator', 'list', args), ['acme']))).toBe(code);
  });
});
