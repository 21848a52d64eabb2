// Known vulnerabilities: what `npm audit` says, less what somebody has looked at and let pass until a day.

const SEVERITIES = ['info', 'low', 'moderate', 'high', 'critical'];
const DAY = /^\d{4}-\d{2}-\d{2}$/;
/** Nobody lets a thing pass for longer than this without looking again. */
const WAIVED_MAX_DAYS = 90;
const DAY_MS = 86_400_000;

/**
 * @typedef {object} Waiver
 * @property {string} advisory `GHSA-…`
 * @property {string} package
 * @property {string} since day on which it was let pass
 * @property {string} until last day on which it passes
 * @property {string} reason why it does no harm here
 */

/**
 * @param {unknown} waivers the file
 * @param {string} today `2026-11-23`
 * @returns {string[]} what is wrong with them; a waiver that has run out is
 */
export function waiverFaults(waivers, today) {
  if (!Array.isArray(waivers)) return ['it must be a list'];
  return waivers.flatMap((waiver) => {
    const { advisory, package: name, since, until, reason } = waiver;
    const label = `${advisory} of ${name}`;
    if (!/^GHSA(-[0-9a-z]{4}){3}$/.test(advisory ?? '') || typeof name !== 'string' || !DAY.test(since ?? '') || !DAY.test(until ?? '')) return [`${label}: needs advisory, package, since and until`];
    if (typeof reason !== 'string' || reason.length < 20) return [`${label}: says no reason`];
    if (Date.parse(until) - Date.parse(since) > WAIVED_MAX_DAYS * DAY_MS) return [`${label}: is for more than ${WAIVED_MAX_DAYS} days`];
    return until < today ? [`${label}: ran out on ${until}`] : [];
  });
}

/**
 * @param {string} output of `npm audit --json`
 * @param {readonly Waiver[]} waivers
 * @param {string} today
 * @returns {{ outcome: 'clean' | 'vulnerable' | 'not-asked', lines: string[] }} `not-asked`: nobody knows; that is not clean
 */
export function judgeAudit(output, waivers, today) {
  const report = parse(output);
  if (report === undefined) return { outcome: 'not-asked', lines: ['npm gave no report'] };
  if (report.vulnerabilities === undefined || report.metadata === undefined) return { outcome: 'not-asked', lines: [String(report.message ?? report.error?.summary ?? 'npm gave no report')] };
  const found = Object.entries(report.vulnerabilities).flatMap(([name, { via }]) => via.filter((one) => typeof one === 'object').map(({ url, title, severity }) => ({ name, severity, title, advisory: /GHSA(-[0-9a-z]{4}){3}/.exec(url ?? '')?.[0] ?? String(url) })));
  const holds = ({ advisory, package: name, until }, one) => advisory === one.advisory && name === one.name && until >= today;
  const open = found.filter((one) => !waivers.some((waiver) => holds(waiver, one))).toSorted((a, b) => SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity));
  const idle = waivers.filter((waiver) => !found.some((one) => holds(waiver, one)));
  return { outcome: open.length === 0 ? 'clean' : 'vulnerable', lines: [...open.map(({ severity, name, advisory, title }) => `${severity}: ${name}: ${title} (${advisory})`), ...idle.map(({ advisory, package: name }) => `waived and not found any more: ${advisory} of ${name}`)] };
}

function parse(output) {
  try {
    const value = JSON.parse(output);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
