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
  /** Checks of a session that the edge has cached, under its lease with identity. */
  session_check_per_s?: number;
  session_check_p99_us?: number;
  /** From ending a session at one edge until another one refuses it, all of them processes of their own. */
  revocation_p99_ms?: number;
  /** Until the call that ended it returned. */
  revocation_returned_p99_ms?: number;
  /** Requests begun after that call had returned, and let in. */
  revocation_stale?: number;
  /** Whole sign-ins over HTTPS. */
  edge_sign_in_per_s?: number;
  edge_sign_in_vs_bare?: number;
  /** Of identity's event loop during those. */
  identity_loop_delay_p99_ms?: number;
}

const ROWS: readonly Row<keyof IdentityFigures>[] = [
  { name: 'permission_check_ns', what: 'permission check in process', unit: 'ns', digits: 1, target: atMost(10_000, '≤ 10 µs') },
  { name: 'decision_ns', what: 'decision in process', unit: 'ns', digits: 1, target: atMost(10_000, '≤ 10 µs') },
  { name: 'sign_in_per_s', what: '(v) passwords verified, 600,000 iterations', unit: 'passwords/s', digits: 2 },
  { name: 'bare_pbkdf2_per_s', what: '(b) PBKDF2 alone on every core', unit: 'passwords/s', digits: 2 },
  { name: 'sign_in_vs_bare', what: '(v) / (b)', unit: '×', digits: 2, target: atLeast(0.85, '≥ 0.85') },
  { name: 'event_loop_delay_p99_ms', what: 'event loop delayed meanwhile, p99', unit: 'ms', digits: 1, target: atMost(20, '≤ 20') },
  { name: 'session_check_per_s', what: 'session checks at the edge, cached', unit: 'checks/s', digits: 0 },
  { name: 'session_check_p99_us', what: 'session check at the edge, cached, p99', unit: 'µs', digits: 1, target: atMost(1_000, '≤ 1 ms') },
  { name: 'revocation_p99_ms', what: 'session ended at one edge until another refuses, p99', unit: 'ms', digits: 1, target: atMost(50, '≤ 50') },
  { name: 'revocation_returned_p99_ms', what: 'session ended: the call returned, p99', unit: 'ms', digits: 1 },
  { name: 'revocation_stale', what: 'requests let in after that call had returned', unit: 'requests', digits: 0, target: atMost(0, '0') },
  { name: 'edge_sign_in_per_s', what: '(e) whole sign-ins over HTTPS', unit: 'sign-ins/s', digits: 2 },
  { name: 'edge_sign_in_vs_bare', what: '(e) / (b)', unit: '×', digits: 2, target: atLeast(0.85, '≥ 0.85') },
  { name: 'identity_loop_delay_p99_ms', what: "identity's event loop delayed meanwhile, p99", unit: 'ms', digits: 1, target: atMost(20, '≤ 20') },
];

export const identityTable = (figures: IdentityFigures): string => table(ROWS, figures);
