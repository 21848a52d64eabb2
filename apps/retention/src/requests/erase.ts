import { parseVkey, sha256Hex } from '@countersign/chain';
import { statementText, verifyCertificate } from '@countersign/certificates';
import { erasureStatementSchema, type ErasureStatement, type Kept } from '@countersign/contracts';
import type { KeyClient } from '@countersign/key-client';
import { planErasure, type ErasurePlan, type PersonsKind } from '@countersign/retention-rules';
import { RetentionFault } from '../domain/retention-fault.js';
import type { Flows } from '../parts.js';
import { removeRemainder, storeRemainder } from '../store/remainder-rows.js';
import type { RequestRow } from '../store/request-rows.js';
import { holdRules } from '../sweep/rule-gate.js';
import { HELD_REASON, isStopped, keptOf, keptTypes, remainderOf } from './erasure-plan.js';
import { destroyKeys, letGo, letGoElsewhere, readHolds, type Gone } from './let-go.js';
import { nameOf, type HeldPerson, type Person } from './person-holders.js';
import { bySelf } from './because.js';
import { changeRequest, counted } from './request-store.js';
import { restrictionAgainst } from './restrictions.js';
import type { Tombstone } from './tombstones.js';

const RESTRICTED_REASON = 'you have asked since for it to be kept and not used; it is erased when that is over';
/** Of other requests of somebody who was erased. */
export const ERASED_REASON = 'the person was erased';

/** Services have fetched, or are still to fetch, what they are to erase. */
export class ErasureOutstanding extends Error {
  override readonly name = 'ErasureOutstanding';
}

/** What retention itself keeps: that it was asked, and what it did. */
const OWN_KEPT: Kept = { holder: 'retention', type: 'subject-request', class: 'legal', reason: 'that you asked, when, and what was done about it must be provable' };

/**
 * Erases somebody but for what holds cover: begun on record → tombstone outside the databases → every service lets go → keys destroyed that nothing held
 * needs → what was done is written down → certificate, signed, checked, on record. Each step may be repeated, so a crash anywhere is followed by doing all of
 * it again. A hold that is placed meanwhile keeps what is still there. Throws RulesMoved when a hold or policy changes: then again.
 */
export async function erase(flows: Flows, row: RequestRow): Promise<void> {
  const { tombstones, persons } = flows;
  const person = { tenant: row.tenant, subject: row.subject };
  const done = await flows.requests.statement(row.request_id);
  if (done !== undefined) return complete(flows, row, done);
  // Under whose keys it all lies is seen before it goes.
  const known = await persons.showOurs(person);
  const holds = await readHolds(flows);
  const begun = (await tombstones.read()).find(({ requestId }) => requestId === row.request_id);
  if (begun === undefined && !(await begin(flows, row, known, holds))) return;
  const gone = await letGo(flows, { ...person, requestId: row.request_id }, known.kinds, known.keys, holds, (plan) => entomb(flows, row, plan));
  await endOthers(flows, row);
  await flows.files.removeOf(person);
  // Nobody waits for services of others: what is ours is gone by now, and the certificate says what is when all is.
  const elsewhere = await letGoElsewhere(flows, { ...person, requestId: row.request_id }, gone.keys, holds);
  const reported = await persons.eraseReported(person, gone.keys, { id: row.request_id, atMs: row.received_at.getTime() });
  if (reported === undefined) throw new ErasureOutstanding('services have still to say that it is gone');
  await complete(flows, row, await writeDown(flows, row, gone, elsewhere, reported));
}

/** False: it waits. */
async function begin(flows: Flows, row: RequestRow, { kinds, keys, types }: HeldPerson, { version, holds }: Awaited<ReturnType<typeof readHolds>>): Promise<boolean> {
  const plan = planErasure(kinds, keys, holds);
  const wait = async (reason: string, held: ErasurePlan<PersonsKind> | undefined): Promise<false> => {
    const remainder = held && remainderOf(held);
    await changeRequest(flows, row, { type: 'wait', reason, isHeld: true }, bySelf(row.request_id, flows.now(), (client) => (remainder === undefined ? removeRemainder(client, row.request_id) : storeRemainder(client, row.request_id, remainder))));
    return false;
  };
  const isReportedLeft = types.some(({ holder, onErasure }) => holder.startsWith('reported.') && onErasure !== 'kept');
  if (isStopped(plan) && !isReportedLeft && (await flows.persons.elsewhere(row, keys)).length === 0) return wait(HELD_REASON, plan);
  if ((await restrictionAgainst(flows, keys, row.received_at)) !== undefined) return wait(RESTRICTED_REASON, undefined);
  await changeRequest(flows, row, { type: 'begin-erasure' }, bySelf(row.request_id, flows.now(), (client) => holdRules(client, version)));
  return true;
}

/** Before anything of it is gone: a database that is put back later must be told. */
async function entomb({ tombstones }: Flows, row: RequestRow, plan: ErasurePlan<PersonsKind>): Promise<void> {
  const person = { tenant: row.tenant, subject: row.subject };
  const keep = keptTypes(plan, 'identity');
  const isKeyKept = plan.keptKeys.some((key) => nameOf(key) === nameOf(person));
  const tombstone: Tombstone = { requestId: row.request_id, ...person, at: row.received_at.toISOString(), ...(keep.length === 0 ? {} : { keep }), ...(isKeyKept ? { isKeyKept } : {}) };
  const known = (await tombstones.read()).find(({ requestId }) => requestId === row.request_id);
  if (JSON.stringify(known) !== JSON.stringify(tombstone)) await tombstones.append(tombstone);
}

/** What has been done is said once, and is the same after a crash; with what is left of it. */
async function writeDown(flows: Flows, row: RequestRow, { scrubbed, kept, destroyed, plan }: Gone, elsewhere: Awaited<ReturnType<typeof letGoElsewhere>>, reported: NonNullable<Awaited<ReturnType<Flows['persons']['eraseReported']>>>): Promise<ErasureStatement> {
  const statement = erasureStatementSchema.parse({
    certificate: flows.newId(), request: row.request_id, tenant: row.tenant, subject: row.subject, requestedAt: row.received_at.toISOString(), completedAt: flows.now().toISOString(), keys: destroyed,
    scrubbed: [...scrubbed, ...elsewhere.scrubbed, ...reported.scrubbed], kept: [...kept, ...elsewhere.kept, ...keptOf(plan), ...reported.kept, OWN_KEPT],
  });
  return flows.requests.writeDown(row.request_id, statement, remainderOf(plan, [...elsewhere.held, ...reported.held]));
}

async function complete(flows: Flows, row: RequestRow, statement: ErasureStatement): Promise<void> {
  const { certificate, vkey } = await certify(flows.keyClient, statement);
  const outcome = { certificate: sha256Hex(certificate), keys: statement.keys.length, scrubbed: counted(statement.scrubbed), kept: statement.kept.length };
  await changeRequest(flows, row, { type: 'complete', outcome }, bySelf(row.request_id, flows.now(), async (client) => {
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
export async function destroyAgain({ keyClient }: Pick<Flows, 'keyClient'>, { requestId, tenant, subject }: Person & { readonly requestId: string }): Promise<void> {
  await destroyKeys(keyClient, [{ tenant, subject }], requestId);
}

/** Never handed out unchecked: what is signed must be what was done. */
async function certify(client: Pick<KeyClient, 'ask'>, statement: ErasureStatement): Promise<{ readonly certificate: string; readonly vkey: string }> {
  const { result } = await client.ask('sign-certificate', { kind: 'erasure', statement: statementText(statement) });
  const said = verifyCertificate(result.certificate, [parseVkey(result.vkey)]);
  if (said.kind !== 'erasure' || statementText(said.statement) !== statementText(statement)) throw new Error('the certificate says something else than what was done');
  return result;
}
