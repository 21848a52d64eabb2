import type { Alert, AlertGroup, Duration, Recorded } from './alert.js';

/** Of requests at the edge, those that may fail by our fault. */
const EDGE_ERRORS_MAX = 0.001;
const WINDOWS: readonly Duration[] = ['5m', '30m', '1h', '2h', '6h', '1d', '3d'];

/**
 * Rates at which the budget of 30 days is spent, each seen over a long window, and over a short one so that the alert ends with its cause.
 * Source: The Site Reliability Workbook, chapter 5, table 5-8.
 */
const BURNS: readonly { readonly rate: number; readonly long: Duration; readonly short: Duration; readonly severity: Alert['severity'] }[] = [
  { rate: 14.4, long: '1h', short: '5m', severity: 'critical' },
  { rate: 6, long: '6h', short: '30m', severity: 'critical' },
  { rate: 3, long: '1d', short: '2h', severity: 'warning' },
  { rate: 1, long: '3d', short: '6h', severity: 'warning' },
];

const ratio = (window: Duration): string => `countersign:edge_errors:ratio_rate${window}`;
const requests = (status: string): string => `countersign_edge_request_duration_seconds_count{method="GET",route="/v1/account",status="${status}",job="countersign-edge",instance="e1:9090"}`;

const recorded: readonly Recorded[] = WINDOWS.map((window) => ({
  record: ratio(window),
  expr: `sum(rate(countersign_edge_request_duration_seconds_count{status=~"5.."}[${window}])) / sum(rate(countersign_edge_request_duration_seconds_count[${window}]))`,
}));

const burn = ({ rate, long, short, severity }: (typeof BURNS)[number]): Alert => {
  // Constant rates of failure, half above and half below what the alert allows.
  const above = Math.round(1000 * EDGE_ERRORS_MAX * rate * 1.5 * 10);
  const below = Math.round(1000 * EDGE_ERRORS_MAX * rate * 0.5 * 10);
  return {
    name: `CountersignEdgeErrorBudget${long}`,
    expr: `${ratio(long)} > ${rate} * ${EDGE_ERRORS_MAX} and ${ratio(short)} > ${rate} * ${EDGE_ERRORS_MAX}`,
    severity, owner: 'platform', runbook: 'error-budget.md',
    summary: `Requests at the edge fail ${rate} times as often as the objective of ${100 * (1 - EDGE_ERRORS_MAX)} % in 30 days allows, for ${long}.`,
    fires: { at: '1h', series: { [requests('200')]: `0+${10_000 - above}x80`, [requests('503')]: `0+${above}x80` }, alerts: [{}], notYet: '0m' },
    silent: { at: '1h', series: { [requests('200')]: `0+${10_000 - below}x80`, [requests('503')]: `0+${below}x80` } },
  };
};

/** Objectives, and how fast what they allow is used up. */
export const OBJECTIVES: AlertGroup = { name: 'countersign-objectives', recorded, alerts: BURNS.map(burn) };
