import { isDeepStrictEqual } from 'node:util';
import type { JsonObject } from '@countersign/chain';
import { POLICIES_MAX, PROPOSAL_MS, PROPOSALS_MAX, type RetentionRule } from '@countersign/contracts';
import { defineAggregate, from, type AskedFrom, type DomainEvent } from '@countersign/event-store';
import { isAtLeast, shortens, type Policy } from '@countersign/retention-rules';
import { jsonOf } from './json-of.js';
import { RetentionFault } from './retention-fault.js';

/** The policies of one organisation, or of the installation, and what waits for a second person. */
export interface PolicySet {
  /** Something was decided once, even if nothing of it is left. */
  readonly isBegun: boolean;
  /** Ids of all policies that were ever set. */
  readonly decided: ReadonlySet<string>;
  readonly policies: ReadonlyMap<string, KnownPolicy>;
  readonly proposals: ReadonlyMap<string, Proposal>;
}

interface KnownPolicy {
  readonly rule: RetentionRule;
  readonly version: number;
}

interface Proposal {
  readonly policyId: string;
  /** Undefined: to be removed. */
  readonly rule: RetentionRule | undefined;
  /** Version of the policy that it was made for; 0: there was none. */
  readonly base: number;
  readonly proposedBy: string;
  readonly expiresMs: number;
}

type Change =
  | { readonly type: 'change'; readonly policyId: string; readonly rule: RetentionRule | undefined; readonly version: number | undefined; readonly proposalId: string; readonly reason: string }
  | { readonly type: 'approve'; readonly proposalId: string }
  | { readonly type: 'withdraw'; readonly proposalId: string; readonly reason: string };

/** What an installation starts with. */
export interface FirstPolicy {
  readonly policyId: string;
  readonly rule: RetentionRule;
  /** Its type came after the first installations: where somebody had decided on others before, it is set all the same, once. */
  readonly isOfLaterType?: boolean;
}

/** Sets what an installation starts with; nothing of it where somebody has decided on it. */
interface Begin {
  readonly type: 'begin';
  readonly policies: readonly FirstPolicy[];
  readonly reason: string;
}

export type PolicySetCommand = (Change | Begin) & { readonly by: string; readonly nowMs: number; readonly origin: AskedFrom | undefined };

export interface PolicySetEvent extends DomainEvent {
  readonly type: `retention.policy.${'changed' | 'removed' | 'proposed' | 'proposal-withdrawn'}`;
  readonly data: JsonObject;
}

/** Its stream has this id, in the ledger of the organisation or of the installation. */
export const POLICY_SET_ID = 'set';

export const policySetAggregate = defineAggregate<PolicySet, PolicySetCommand, PolicySetEvent>({
  name: 'policies',
  initialState: { isBegun: false, decided: new Set(), policies: new Map(), proposals: new Map() },
  decide: (command, set) => decide(command, set).map((event) => from(command.origin, { ...event, resource: { type: 'retention-policy', id: event.data['policyId'] as string } })),
  evolve,
});

/** A rule as libs/retention-rules takes it. */
export function policyOf(id: string, version: number, organization: string | undefined, { type, class: dataClass, keep, byLaw, dispose }: RetentionRule): Policy {
  const given = { organization, type, dataClass, keep, byLaw, dispose };
  return { id, version, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) };
}

function decide(command: PolicySetCommand, set: PolicySet): readonly PolicySetEvent[] {
  if (command.type === 'change') return decideChange(command, set);
  if (command.type === 'begin') return decideBegin(command, set);
  const { proposalId, by, nowMs } = command;
  const proposal = set.proposals.get(proposalId);
  if (proposal === undefined) throw new RetentionFault('PROPOSAL_UNKNOWN', 'it was decided, or never made', { field: 'proposalId' });
  const { policyId, rule, base, proposedBy, expiresMs } = proposal;
  if (command.type === 'withdraw') return [{ type: 'retention.policy.proposal-withdrawn', severity: 'notice', data: { policyId, proposalId, reason: command.reason, proposedBy } }];
  if (proposedBy === by) throw new RetentionFault('SECOND_PERSON_REQUIRED', 'somebody else has to agree');
  if (nowMs >= expiresMs) throw new RetentionFault('PROPOSAL_EXPIRED', 'nobody agreed in time: propose it again', { field: 'proposalId' });
  if ((set.policies.get(policyId)?.version ?? 0) !== base) throw new RetentionFault('CONFLICT', 'the policy was changed meanwhile: propose it again', { field: 'proposalId' });
  return [settled(set, { policyId, rule, setBy: proposedBy, approvedBy: by, proposalId })];
}

function decideBegin({ policies, by, reason }: Begin & { readonly by: string }, set: PolicySet): readonly PolicySetEvent[] {
  const wanted = policies.filter(({ policyId, isOfLaterType = false }) => !set.decided.has(policyId) && (!set.isBegun || isOfLaterType));
  return wanted.map(({ policyId, rule }) => settled(set, { policyId, rule, setBy: by, reason }));
}

function decideChange({ policyId, rule, version, proposalId, reason, by, nowMs }: Extract<PolicySetCommand, { type: 'change' }>, set: PolicySet): readonly PolicySetEvent[] {
  const known = set.policies.get(policyId);
  if (version !== undefined && version !== known?.version) throw new RetentionFault('CONFLICT', `the policy is at version ${known?.version ?? 0}`, { field: 'version' });
  const isSecondNeeded = needsApproval(known?.rule, rule);
  if (rule !== undefined && known !== undefined && isDeepStrictEqual(rule, known.rule)) return [];
  if (!isSecondNeeded) return [settled(set, { policyId, rule, setBy: by, reason })];
  const open = [...set.proposals.values()].filter(({ expiresMs }) => expiresMs > nowMs);
  if (open.length >= PROPOSALS_MAX) throw new RetentionFault('PROPOSALS_TOO_MANY', `${PROPOSALS_MAX} proposals wait already`);
  const expiresAt = new Date(nowMs + PROPOSAL_MS).toISOString();
  return [{ type: 'retention.policy.proposed', severity: 'warning', data: jsonOf({ policyId, proposalId, base: known?.version ?? 0, proposedBy: by, expiresAt, reason, rule }) }];
}

/** Whether a second person has to agree to a rule in the place of another one (undefined: none). Throws POLICY_UNKNOWN, POLICY_CONTRADICTS. */
export function needsApproval(before: RetentionRule | undefined, after: RetentionRule | undefined): boolean {
  if (after === undefined && before === undefined) throw new RetentionFault('POLICY_UNKNOWN', 'there is no such policy', { field: 'policyId' });
  if (after !== undefined) requireConsistent(after);
  const asPolicy = (one: RetentionRule | undefined): Policy | undefined => one && policyOf('one', 1, undefined, one);
  return shortens(asPolicy(before), asPolicy(after));
}

/** Nothing both keeps and destroys at a time: whoever writes so has made a mistake. Throws POLICY_CONTRADICTS. */
function requireConsistent({ keep, dispose }: RetentionRule): void {
  if (keep === undefined || dispose === undefined || (keep !== 'for-ever' && isAtLeast(dispose.after, keep))) return;
  throw new RetentionFault('POLICY_CONTRADICTS', 'it would destroy what it keeps', { field: 'rule.dispose.after' });
}

interface Settled {
  readonly policyId: string;
  readonly rule: RetentionRule | undefined;
  readonly setBy: string;
  readonly approvedBy?: string;
  readonly proposalId?: string;
  readonly reason?: string;
}

function settled({ policies }: PolicySet, { policyId, rule, ...who }: Settled): PolicySetEvent {
  const version = (policies.get(policyId)?.version ?? 0) + 1;
  if (rule !== undefined && !policies.has(policyId) && policies.size >= POLICIES_MAX) throw new RetentionFault('POLICIES_TOO_MANY', `there are ${POLICIES_MAX} policies already`);
  return { type: rule === undefined ? 'retention.policy.removed' : 'retention.policy.changed', severity: 'warning', data: jsonOf({ policyId, version, ...who, rule }) };
}

function evolve(set: PolicySet, { type, data }: Pick<PolicySetEvent, 'type' | 'data'>): PolicySet {
  const policyId = data['policyId'] as string;
  const rule = data['rule'] as unknown as RetentionRule | undefined;
  const proposalId = data['proposalId'] as string | undefined;
  if (type === 'retention.policy.proposed') {
    const proposal = { policyId, rule, base: data['base'] as number, proposedBy: data['proposedBy'] as string, expiresMs: Date.parse(data['expiresAt'] as string) };
    return { ...set, isBegun: true, proposals: new Map(set.proposals).set(proposalId!, proposal) };
  }
  const proposals = new Map(set.proposals);
  if (proposalId !== undefined) proposals.delete(proposalId);
  if (type === 'retention.policy.proposal-withdrawn') return { ...set, proposals };
  const policies = new Map(set.policies);
  if (rule === undefined) policies.delete(policyId);
  else policies.set(policyId, { rule, version: data['version'] as number });
  return { isBegun: true, decided: new Set(set.decided).add(policyId), policies, proposals };
}
