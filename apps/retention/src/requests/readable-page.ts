import type { Manifest } from '@countersign/certificates';
import type { HeldType } from '@countersign/contracts';

/** Whatever a service hands over is text here, and never markup. */
const escaped = (text: string): string => text.replace(/[&<>"'`]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const cell = (value: string | number): string => `<td>${escaped(String(value))}</td>`;

const DONE = { deleted: 'is deleted', scrubbed: 'loses what is about you', shredded: 'becomes unreadable', kept: 'is kept' } as const;

interface Table {
  readonly caption: string;
  readonly heads: readonly string[];
  /** The first cell of each names its row. */
  readonly rows: readonly (readonly (string | number)[])[];
}

/**
 * The page of an export for somebody without tools: what is there, where, why it is kept and until when. It opens from a folder: no script, nothing
 * that is loaded, no link but to the files beside it.
 */
export function readablePage({ request, receivedAt, madeAt, holds, files }: Manifest): string {
  const held = (holds as unknown as readonly HeldType[]).map(({ holder, type, class: dataClass, count, onErasure, reason = '', until }) => [type, holder, dataClass, count, DONE[onErasure], reason, until ?? (onErasure === 'kept' ? 'no end is set' : '')]);
  const records = files.filter((file) => file.records !== undefined);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="content-security-policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>What is kept about you</title>
<style>body{font:1rem/1.5 sans-serif;color:#111;background:#fff;max-width:70rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;width:100%}caption{text-align:left;font-weight:bold;padding:.5rem 0}td,th{border:1px solid #666;padding:.3rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}</style>
</head>
<body>
<main>
<h1>What is kept about you</h1>
<p>Asked for ${escaped(receivedAt)}, made ${escaped(madeAt)}. Number of the request: ${escaped(request)}.</p>
<h2>What there is</h2>
${tableOf({ caption: 'Everything that each service holds, why, and until when', heads: ['What', 'Service', 'Kind', 'How many', 'If you ask for deletion it', 'Why it is kept', 'Until'], rows: held })}
<h2>Where it stands in this archive</h2>
<p>Each file has one record a line, as JSON. <code>manifest.json</code> has the same lists for machines, and <code>manifest.note</code> is its signed certificate.</p>
${tableOf({ caption: 'Files', heads: ['File', 'Records', 'SHA-256'], rows: records.map(({ path, records: count = 0, sha256 }) => [path, count, sha256]) })}
<h2>How to check that nothing was altered</h2>
<p>With the public key of whoever made it: <code>countersign retention archive verify</code>, the name of the archive, <code>--key</code> and the key. It needs no network.</p>
</main>
</body>
</html>
`;
}

function tableOf({ caption, heads, rows }: Table): string {
  const body = rows.map(([name = '', ...rest]) => `<tr><th scope="row">${escaped(String(name))}</th>${rest.map(cell).join('')}</tr>`).join('\n');
  return `<table>
<caption>${escaped(caption)}</caption>
<thead><tr>${heads.map((head) => `<th scope="col">${escaped(head)}</th>`).join('')}</tr></thead>
<tbody>
${body}
</tbody>
</table>`;
}
