import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { BrowserAnswer } from '@countersign/devstack';
import { ATTACKS, type Attack, type Attempt } from './attacks.js';
import { KEY_ATTACKS } from './attacks-of-keys.js';
import { inTurns } from './in-turns.js';
import type { LedgerEvent, WholeStand } from './whole-stand.js';

const PAGE = new URL('../../../../docs/spec/attacks.md', import.meta.url);
const MARKS = /<!-- table: attacks -->\n([\s\S]*?)<!-- end -->/;
const ATTACKS_AT_ONCE = 4;
const ALL = [...ATTACKS, ...KEY_ATTACKS];

const correlationIdOf = (at: number): string => `attack-${String(at)}`;

/** Attacks that are refused, and what of them is on record. docs/spec/attacks.md repeats the table. */
export function attackSuite(open: () => WholeStand): void {
  describe('an attack', () => {
    let answers: PromiseSettledResult<BrowserAnswer>[];
    let events: readonly LedgerEvent[];
    beforeAll(async () => {
      const stand = open();
      answers = await inTurns(ALL, async ({ run }, at) => (await Promise.allSettled([run(stand, attemptOf(at))]))[0], ATTACKS_AT_ONCE);
      events = await stand.eventsOnce((all) => ALL.every((attack, at) => recordOf(attack, at, all) !== undefined));
    }, 120_000);

    it.each(ALL.map((attack, at): [string, Attack, number] => [attack.attack, attack, at]))('%s', (_name, attack, at) => {
      const { status, code } = attack;
      const result = answers[at]!;
      const came = result.status === 'fulfilled' ? { status: result.value.status, code: result.value.json.code ?? 'none' } : String(result.reason);
      expect(came).toEqual({ status, code });
      const record = recordOf(attack, at, events);
      expect(record).toBeDefined();
      expect(record?.personal.map(({ value }) => typeof value['ip'])).toEqual(record?.personal.map(() => 'string'));
    });

    it('stands in docs/spec/attacks.md with its answer and its record', () => {
      const rows = ALL.map(({ attack, status, code, recorded }) => `| ${attack} | ${String(status)}${code === 'none' ? '' : ` \`${code}\``} | ${recorded === undefined ? '' : `\`${recorded}\``} |`);
      const [, table = ''] = MARKS.exec(readFileSync(PAGE, 'utf8')) ?? [];
      expect(table.trim().split('\n').slice(2)).toEqual(rows);
    });
  });
}

/** Every request of an attack carries its name. */
function attemptOf(at: number): Attempt {
  return (browser, method, path, asked = {}) => browser.ask(method, path, { ...asked, headers: { ...asked.headers, 'x-correlation-id': correlationIdOf(at) } });
}

/** The event that an attack must leave; of one that leaves none: an empty one. */
function recordOf({ recorded, data = {} }: Attack, at: number, events: readonly LedgerEvent[]): Pick<LedgerEvent, 'personal'> | undefined {
  if (recorded === undefined) return { personal: [] };
  return events.find((one) => one.correlationId === correlationIdOf(at) && one.type === recorded && one.personal.length > 0 && Object.entries(data).every(([name, value]) => one.data[name] === value));
}
