import type { HeldType } from '@countersign/contracts';

interface Manifest {
  readonly requestId: string;
  readonly receivedAt: string;
  readonly madeAt: string;
  readonly holds: readonly HeldType[];
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
const rowOf = (cells: readonly (string | number)[]): string => `<tr>${cells.map((cell) => `<td>${escaped(String(cell))}</td>`).join('')}</tr>`;

const DONE = { deleted: 'is deleted', scrubbed: 'loses what is about you', shredded: 'becomes unreadable', kept: 'is kept' } as const;

/** The page of an export for somebody without tools: what is there, where, and what would become of it. No script, no link that leads out. */
export function readablePage({ requestId, receivedAt, madeAt, holds }: Manifest, files: readonly { readonly path: string; readonly records: number; readonly sha256: string }[]): string {
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="content-security-policy" content="default-src 'none'; style-src 'unsafe-inline'"><title>What is kept about you</title>
<style>body{font:1rem/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;width:100%}td,th{border:1px solid #999;padding:.3rem .5rem;text-align:left}</style>
<h1>What is kept about you</h1>
<p>Asked for ${escaped(receivedAt)}, made ${escaped(madeAt)}. Number of the request: ${escaped(requestId)}.</p>
<h2>What there is</h2>
<table><tr><th>Service</th><th>What</th><th>Kind</th><th>How many</th><th>If you ask for deletion it</th><th>Why</th></tr>
${holds.map(({ holder, type, class: dataClass, count, onErasure, reason = '' }) => rowOf([holder, type, dataClass, count, DONE[onErasure], reason])).join('\n')}
</table>
<h2>Where it stands in this archive</h2>
<p>Each file has one record a line, as JSON. <code>manifest.json</code> has the same list for machines.</p>
<table><tr><th>File</th><th>Records</th><th>SHA-256</th></tr>
${files.map(({ path, records, sha256 }) => rowOf([path, records, sha256])).join('\n')}
</table>
</html>
`;
}
