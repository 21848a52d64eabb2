import { parseNote, parseVkey, sha256Hex } from '@countersign/chain';
import { statementText, verifyCertificate } from '@countersign/certificates';
import { erasureStatementSchema, type ErasureStatement, type HeldKey, type Kept } from '@countersign/contracts';
import type { KeyClient } from '@countersign/key-client';
import { RetentionFault } from '../domain/retention-fault.js';
import type { Flows } from '../parts.js';
import type { RequestRow } from '../store/request-rows.js';
import { holdRules, rulesVersion } from '../sweep/rule-gate.js';
import { nameOf, type Person } from './person-holders.js';
import { bySelf } from './because.js';
import { heldReason, holdAgainst } from './hold-against.js';
import { changeRequest, counted } from './request-store.js';
import { restrictionAgainst } from './restrictions.js';
import type { Tombstone } from './tombstones.js';

const REASON = 'request of the data subject';
const RESTRICTED_REASON = 'you have asked since for it to be kept and not used; it is erased when that is over';
/** Of other requests of somebody who was erased. */
export const ERASED_REASON = 'the person was erased';

/** Services have fetched, or are still to fetch, what they are to erase. */
export class ErasureOutstanding extends Error {
  override readonly name = 'ErasureOutstanding';
}

const NO_KEY = '-';
/** Line of a destruction receipt that names the key (docs/spec/keys-api.md, "Destruction receipt"). */
const KEY_LINE = 4;

/** What retention itself keeps: that it was asked, and what it did. */
const OWN_KEPT: Kept = { holder: 'retention', type: 'subject-request', class: 'legal', reason: 'that you asked, when, and what was done about it must be provable' };

/**
 * Erases somebody: no hold → begun on record → tombstone outside the databases → every service lets go → keys destroyed → certificate,
 * signed, checked, on record. Each step may be repeated, so a crash anywhere is followed by doing all of it again. A hold wins until the
 * tombstone is written; afterwards something may be gone, and the rest follows. Throws RulesMoved when a hold or policy changes as it begins.
 */
export async function erase(flows: Flows, row: RequestRow): Promise<void> {
  const { tombstones, persons, pool, now } = flows;
  const person = { tenant: row.tenant, subject: row.subject };
  const requestedAt = row.received_at.toISOString();
  // Under whose keys it all lies is seen before it goes.
  const { keys: seen } = await persons.show(person);
  if (!(await tombstones.read()).some(({ requestId }) => requestId === row.request_id)) {
    const rules = await rulesVersion(pool);
    const hold = await holdAgainst(flows, seen);
    if (hold !== undefined) return changeRequest(flows, row, { type: 'wait', reason: heldReason(hold), isHeld: true }, bySelf(row.request_id, now()));
    if ((await restrictionAgainst(flows, seen, row.received_at)) !== undefined) return changeRequest(flows, row, { type: 'wait', reason: RESTRICTED_REASON, isHeld: true }, bySelf(row.request_id, now()));
    await changeRequest(flows, row, { type: 'begin-erasure' }, bySelf(row.request_id, now(), (client) => holdRules(client, rules)));
    // Before anything is gone: a database that is put back later must be told.
    await tombstones.append({ requestId: row.request_id, ...person, at: requestedAt });
  }
  const { scrubbed, kept, keys } = await persons.scrub(person, row.request_id);
  const destroyed = await destroyKeys(flows.keyClient, uniqueKeys([...seen, ...keys]), row.request_id);
  await endOthers(flows, row);
  await flows.files.removeOf(person);
  // Nobody waits for a service that does not come for its orders: what is ours is gone by now, and the certificate says what is when all is.
  const reported = await persons.eraseReported(person, uniqueKeys([...seen, ...keys]), { id: row.request_id, atMs: row.received_at.getTime() });
  if (reported === undefined) throw new ErasureOutstanding('services have still to say that it is gone');
  const statement: ErasureStatement = erasureStatementSchema.parse({
    certificate: flows.newId(), request: row.request_id, ...person, requestedAt, completedAt: now().toISOString(), keys: destroyed, scrubbed: [...scrubbed, ...reported.scrubbed], kept: [...kept, ...reported.kept, OWN_KEPT],
  });
  const { certificate, vkey } = await certify(flows.keyClient, statement);
  const outcome = { certificate: sha256Hex(certificate), keys: destroyed.length, scrubbed: counted(statement.scrubbed), kept: statement.kept.length };
  await changeRequest(flows, row, { type: 'complete', outcome }, bySelf(row.request_id, now(), async (client) => {
    await client.query('UPDATE subject_requests SET certificate = $2, vkey = $3, kept = $4 WHERE request_id = $1', [row.request_id, certificate, vkey, JSON.stringify(statement.kept)]);
    // He has asked for this afterwards.
    await client.query('DELETE FROM restrictions WHERE tenant = $1 AND subject = $2', [row.tenant, row.subject]);
  }));
}

/** What else the person has asked for has nothing left to be about; an export that is being written finds its request closed, and leaves no file. */
async function endOthers(flows: Flows, { request_id, tenant, subject }: RequestRow): Promise<void> {
  for (const other of await flows.requests.openOfPerson(tenant, subject)) {
    if (other.request_id === request_id) continue;
    await changeRequest(flows, other, { type: 'refuse', reason: ERASED_REASON }, bySelf(other.request_id, flows.now())).catch((error: unknown) => {
      // Somebody else was faster.
      if (!isClosedMeanwhile(error)) throw error;
    });
  }
}

export const isClosedMeanwhile = (error: unknown): boolean => error instanceof RetentionFault && error.code === 'SUBJECT_REQUEST_CLOSED';

/** Whom a key service that was put back may have forgotten to have erased. */
export async function destroyAgain({ keyClient }: Pick<Flows, 'keyClient'>, { requestId, tenant, subject }: Tombstone): Promise<void> {
  await destroyKeys(keyClient, [{ tenant, subject }], requestId);
}

export const uniqueKeys = (keys: readonly HeldKey[]): Person[] => [...new Map(keys.map((key) => [nameOf(key), key])).values()];

type Destroyed = ErasureStatement['keys'][number];

/** The same subject again gets the same receipt. */
export async function destroyKeys(client: Pick<KeyClient, 'ask'>, keys: readonly Person[], requestId: string): Promise<Destroyed[]> {
  const destroyed: Destroyed[] = [];
  for (const { tenant, subject } of keys) {
    const { result } = await client.ask('destroy-subject', { tenant, subject, reason: `${REASON} ${requestId}` });
    const keyId = parseNote(result.receipt).text.split('\n')[KEY_LINE] ?? NO_KEY;
    destroyed.push({ tenant, ...(keyId === NO_KEY ? {} : { keyId }), receipt: sha256Hex(result.receipt) });
  }
  return destroyed;
}

/** Never handed out unchecked: what is signed must be what was done. */
async function certify(client: Pick<KeyClient, 'ask'>, statement: ErasureStatement): Promise<{ readonly certificate: string; readonly vkey: string }> {
  const { result } = await client.ask('sign-certificate', { kind: 'erasure', statement: statementText(statement) });
  const said = verifyCertificate(result.certificate, [parseVkey(result.vkey)]);
  if (said.kind !== 'erasure' || statementText(said.statement) !== statementText(statement)) throw new Error('the certificate says something else than what was done');
  return result;
}
