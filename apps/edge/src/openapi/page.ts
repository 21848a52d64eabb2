import { createHash } from 'node:crypto';
import { MUTATING, type Route } from '../routes/route.js';

/** The API for people to read: no script, nothing from elsewhere. */

export const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1c1e21}
h2{margin-top:2.5rem;border-bottom:1px solid #ccd}table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid #e4e6ee}
code{font-size:.9em}.m{font-weight:600}.c{color:#556}`;
export const STYLE_ETAG = `"${createHash('sha256').update(STYLE).digest('hex').slice(0, 16)}"`;

export function apiPage(routes: readonly Route[]): string {
  const tags = [...new Set(routes.map(({ tag }) => tag))];
  const section = (tag: string): string => `<h2>${tag}</h2><table><tr><th>Route</th><th>What it does</th><th>Who may</th><th>Recorded as</th></tr>${routes.filter((route) => route.tag === tag).map(row).join('')}</table>`;
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Countersign API</title><link rel="stylesheet" href="/docs/style.css"></head><body>
<h1>Countersign API</h1>
<p>The exact contract is <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1). Errors are problems (RFC 9457) with a stable <code>code</code>.
Mutations by a session need the token of the cookie <code>__Host-csrf</code> in the header <code>x-csrf-token</code>.</p>
${tags.map(section).join('\n')}</body></html>`;
}

function row({ method, path, summary, access, emits }: Route): string {
  const who = access.kind === 'public' ? `anybody: ${access.why}` : access.kind === 'session' ? 'whoever is signed in, about oneself' : `<code>${escape(access.permission)}</code>`;
  const recorded = MUTATING.has(method) ? emits.map((type) => `<code>${escape(type)}</code>`).join('<br>') : '<span class="c">reads</span>';
  return `<tr><td><span class="m">${method}</span> <code>${escape(path)}</code></td><td>${escape(summary)}</td><td>${who}</td><td>${recorded}</td></tr>`;
}

const escape = (text: string): string => text.replace(/[&<>"]/g, (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[character]!);
