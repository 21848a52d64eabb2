import { atLeast, atMost, table, type Row } from '../table.js';

/** The figures of identity, under names that never change. One that was not measured is absent. */
export interface IdentityFigures {
  /** One bit test on a set that is at hand. */
  permission_check_ns?: number;
  /** A whole decision: scope of the target, traits, second factor, freshness. */
  decision_ns?: number;
  /** Passwords verified, 600,000 iterations, more of them waiting than there are cores. */
  sign_in_per_s?: number;
  /** PBKDF2 alone, the same iterations, on every core. */
  bare_pbkdf2_per_s?: number;
  sign_in_vs_bare?: number;
  /** While passwords are verified as fast as they can be. */
  event_loop_delay_p99_ms?: number;
}

const ROWS: readonly Row<keyof IdentityFigures>[] = [
  { name: 'permission_check_ns', what: 'permission check in process', unit: 'ns', digits: 1, target: atMost(10_000, '≤ 10 µs') },
  { name: 'decision_ns', what: 'decision in process', unit: 'ns', digits: 1, target: atMost(10_000, '≤ 10 µs') },
  { name: 'sign_in_per_s', what: '(v) passwords verified, 600,000 iterations', unit: 'passwords/s', digits: 2 },
  { name: 'bare_pbkdf2_per_s', what: '(b) PBKDF2 alone on every core', unit: 'passwords/s', digits: 2 },
  { name: 'sign_in_vs_bare', what: '(v) / (b)', unit: '×', digits: 2, target: atLeast(0.85, '≥ 0.85') },
  { name: 'event_loop_delay_p99_ms', what: 'event loop delayed meanwhile, p99', unit: 'ms', digits: 1, target: atMost(20, '≤ 20') },
];

export const identityTable = (figures: IdentityFigures): string => table(ROWS, figures);
