// Where a rule is broken on purpose. An exception that no longer matches anything fails the test.
import type { Finding } from './sources.js';

export interface Exception {
  readonly rule: string;
  readonly path: RegExp;
  readonly why: string;
}

export const EXCEPTIONS: readonly Exception[] = [
  { rule: 'clock-or-dice', path: /^libs\/envelope\/src\/iv\.ts$/, why: 'an IV that a caller may choose can be used twice, and then shows what it hid (ADR 0012)' },
];

/** Splits findings into those that stand and the exceptions that excused nothing. */
export function applyExceptions(
  findings: readonly Finding[],
  exceptions: readonly Exception[],
): { readonly standing: Finding[]; readonly stale: Exception[] } {
  const excuses = (exception: Exception, finding: Finding): boolean => exception.rule === finding.rule && exception.path.test(finding.path);
  return {
    standing: findings.filter((finding) => !exceptions.some((exception) => excuses(exception, finding))),
    stale: exceptions.filter((exception) => !findings.some((finding) => excuses(exception, finding))),
  };
}
