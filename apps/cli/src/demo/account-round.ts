import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LedgerView, SearchPage, UserView } from '@countersign/contracts';
import { totpCode, totpSecretFrom } from '@countersign/credentials';
import { writeFileDurably } from '@countersign/runtime';
import { createAdministrator } from '../commands/admin.js';
import { CliError, EXIT } from '../exit-code.js';
import type { RunningStack } from '../stack/start-stack.js';
import { parseKey } from '../keys.js';
import { VerifierMemory } from '../memory.js';
import { verifyProofFile } from '../verify/verify-proof-file.js';
import { EdgeApi } from '../edge-api.js';
import { sendOverHttp, type SentOverHttp } from './send-over-http.js';

const RECORDED_MS_MAX = 60_000;
const POLL_MS = 200;
const STEP_MS = 30_000;
const ROLE = 'viewer';
/** Identity records in the system ledger. */
const LEDGER = '/v1/ledgers/system';

/** The demonstration's own administrator: made at the first start, with a random password, known to this folder alone. */
interface Administrator {
  readonly email: string;
  readonly password: string;
  /** Base32. */
  readonly totpSecret?: string;
}

export interface AccountRound {
  readonly registered: string;
  readonly role: string;
  readonly eventId: string;
  readonly index: number;
  /** Leaves of the signed tree that the event was proven in. */
  readonly provenIn: number;
  /** By a service without NATS. */
  readonly overHttp: SentOverHttp;
}

/** Register, enrol a second factor, sign in, change a role, find the event, fetch its proof, verify it. Throws CliError. */
export async function accountRound(stack: RunningStack): Promise<AccountRound> {
  const administrator = new EdgeApi(stack.edgeUrl, stack.edgeCertFile);
  const somebody = new EdgeApi(stack.edgeUrl, stack.edgeCertFile);
  try {
    await signInAdministrator(stack, administrator);
    const email = `somebody-${randomBytes(6).toString('hex')}@countersign.localhost`;
    const password = randomBytes(18).toString('base64url');
    await somebody.post('/v1/register', { email, name: 'Somebody', password });
    await somebody.post('/v1/sign-in', { email, password });
    const { userId } = await somebody.get<UserView>('/v1/account/profile');
    await administrator.post(`/v1/admin/users/${userId}/roles`, { role: ROLE });
    return { registered: userId, role: ROLE, overHttp: await sendOverHttp(administrator), ...(await prove(stack, administrator, userId)) };
  } finally {
    administrator.close();
    somebody.close();
  }
}

async function signInAdministrator(stack: RunningStack, api: EdgeApi): Promise<void> {
  const file = join(stack.stateDir, 'demo', 'administrator.json');
  const { email, password, totpSecret } = await administratorOf(stack, file);
  const answer = await api.post<{ challenge?: string }>('/v1/sign-in', { email, password });
  if (answer.challenge !== undefined) {
    if (totpSecret === undefined) throw new CliError(EXIT.usage, 'DEMO_ADMINISTRATOR_CHANGED', `${file} does not know the second factor of the demonstration's administrator`);
    await verifyWithFreshCode(api, answer.challenge, totpSecret);
    return;
  }
  const { secret } = await api.post<{ secret: string }>('/v1/account/totp');
  // Written before it is in force: a crash in between must not lock the administrator out.
  await writeFileDurably(file, `${JSON.stringify({ email, password, totpSecret: secret })}\n`);
  await api.post('/v1/account/totp/confirm', { code: codeAt(secret, Date.now()) });
}

/** A code is good once: one that was used in this half minute gives way to the next one's. */
async function verifyWithFreshCode(api: EdgeApi, challenge: string, secret: string): Promise<void> {
  try {
    await api.post('/v1/sign-in/verify', { challenge, code: codeAt(secret, Date.now()) });
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== 'CODE_REPLAYED') throw error;
    await api.post('/v1/sign-in/verify', { challenge, code: codeAt(secret, Date.now() + STEP_MS) });
  }
}

async function administratorOf(stack: RunningStack, file: string): Promise<Administrator> {
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Administrator;
  const made = { email: 'administrator@countersign.localhost', password: randomBytes(18).toString('base64url') };
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  await writeFileDurably(file, `${JSON.stringify(made)}\n`);
  await createAdministrator({ url: stack.natsUrl, nkeySeedFile: stack.operatorSeedFile }, { ...made, name: 'Administrator of the demonstration' });
  return made;
}

const codeAt = (secret: string, nowMs: number): string => totpCode(totpSecretFrom(secret), nowMs);

/** Waits until the change stands in the ledger, under a signed checkpoint, and checks the proof as a stranger would. */
async function prove(stack: RunningStack, api: EdgeApi, userId: string): Promise<Pick<AccountRound, 'eventId' | 'index' | 'provenIn'>> {
  const { eventId, index } = await recorded(api, userId);
  const { vkeys } = await api.get<LedgerView>(LEDGER);
  const memory = new VerifierMemory(join(stack.files.verifier, 'seen'), stack.files.verifier);
  const { entry, checkpoint } = verifyProofFile(await api.text('GET', `${LEDGER}/proofs/${eventId}`), vkeys.map(parseKey), memory);
  if (entry.id !== eventId) throw new CliError(EXIT.fault, 'EVENT_ID_MISMATCH', 'FAILED: EVENT_ID_MISMATCH: the proof is about another event');
  return { eventId, index, provenIn: checkpoint.treeSize };
}

async function recorded(api: EdgeApi, userId: string): Promise<{ eventId: string; index: number }> {
  for (const endMs = performance.now() + RECORDED_MS_MAX; performance.now() < endMs; await sleep(POLL_MS)) {
    const page = await api.get<SearchPage>(`${LEDGER}/events?type=identity.user.role-granted&resource=${encodeURIComponent(userId)}`);
    const [found] = page.events;
    const { checkpoint } = await api.get<LedgerView>(LEDGER);
    const { id } = (found?.entry ?? {}) as { id?: string };
    if (found !== undefined && id !== undefined && (checkpoint?.treeSize ?? 0) > found.index) return { eventId: id, index: found.index };
  }
  throw new CliError(EXIT.unreachable, 'EVENT_NOT_RECORDED', 'the change of a role did not reach the ledger in time');
}
