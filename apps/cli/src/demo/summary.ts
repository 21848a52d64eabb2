import { count } from '../progress.js';
import type { RunningStack } from '../stack/start-stack.js';
import type { AccountRound } from './account-round.js';
import type { SentWorkload } from './send-workload.js';
import type { VerifiedLedger } from './verify-everything.js';

export interface Summary {
  /** Absent without a demonstration. */
  readonly sent: SentWorkload | undefined;
  readonly round: AccountRound | undefined;
  /** Absent when nothing was verified. */
  readonly ledgers: readonly VerifiedLedger[] | undefined;
  readonly stack: Pick<RunningStack, 'ledgerUrl' | 'natsUrl' | 'stateDir' | 'edgeUrl' | 'edgeCertFile'>;
  readonly seconds: number;
}

/** What a visitor sees first. */
export function summaryLines({ sent, round, ledgers, stack, seconds }: Summary): string[] {
  return [
    '',
    ...(sent === undefined ? [] : [sentLine(sent)]),
    ...(round === undefined ? [] : roundLines(round)),
    ...tableOf(ledgers ?? []),
    `${verdictOf(ledgers)}; ${seconds.toFixed(1)} s since the start`,
    '',
    `  api     ${stack.edgeUrl}/docs (its certificate: ${stack.edgeCertFile})`,
    `  ledger  ${stack.ledgerUrl}/ledgers`,
    `  metrics ${stack.ledgerUrl}/metrics`,
    `  bus     ${stack.natsUrl}`,
    `  state   ${stack.stateDir}`,
    '',
    ...nextCommands(sent),
  ];
}

function sentLine({ sent, receipted, recovered, seconds }: SentWorkload): string {
  const earlier = recovered === 0 ? '' : ` (${count(recovered)} left by an earlier run)`;
  return `${count(sent)} events sent by 3 services, ${count(receipted)} receipts${earlier}, none refused, ${seconds.toFixed(1)} s`;
}

function roundLines({ registered, role, index, provenIn, overHttp }: AccountRound): string[] {
  return [
    `an account was registered, its administrator signed in with a second factor and gave it the role ${role}, over HTTPS`,
    `  user ${registered}: the change is entry ${count(index)} of the ledger "system", proven here in a signed tree of ${count(provenIn)}`,
    `  service ${overHttp.service}: its event, sent with an API key over HTTPS, is entry ${count(overHttp.index)} of the ledger "${overHttp.ledger}"`,
  ];
}

function verdictOf(ledgers: Summary['ledgers']): string {
  if (ledgers === undefined) return 'the stack is ready';
  return ledgers.length === 0 ? 'nothing is recorded yet' : 'everything verified, by the ledger and offline with its public keys';
}

function tableOf(ledgers: readonly VerifiedLedger[]): string[] {
  const rows = ledgers.map(({ tenant, treeSize, root, consistentWith }) => [tenant, count(treeSize), root, consistentWith === undefined ? '-' : count(consistentWith), 'intact']);
  if (rows.length === 0) return [];
  const table = [['ledger', 'events', 'root of the signed checkpoint', 'extends', 'verdict'], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd()}`);
}

function nextCommands(sent: SentWorkload | undefined): string[] {
  const tenant = sent?.sample.tenant ?? 'acme';
  return [
    'Try, while it runs:',
    `  npx countersign search --tenant ${tenant} --severity warning`,
    `  npx countersign prove ${sent?.sample.id ?? '<event-id>'} --tenant ${tenant}`,
    `  npx countersign verify --tenant ${tenant}`,
    `  npx countersign export --tenant ${tenant} --out ${tenant}.csx`,
    `  npx countersign verify --file ${tenant}.csx --key ${tenant}.csx.pub`,
  ];
}
