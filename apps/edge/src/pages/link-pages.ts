import type { FastifyInstance } from 'fastify';
import { LINK_SCRIPT, LINK_SCRIPT_ETAG } from './link-script.js';

/** Where links in mails, and that of the first administrator, lead: a form for each, and one script that sends what it holds. */

interface Field {
  readonly name: 'email' | 'name' | 'password';
  readonly label: string;
  readonly type: 'email' | 'text' | 'password';
  readonly autocomplete: string;
}

interface LinkPage {
  readonly title: string;
  readonly text: string;
  /** Route that takes the token and the fields. */
  readonly action: string;
  readonly fields: readonly Field[];
  readonly button: string;
  readonly done: string;
}

const PASSWORD: Field = { name: 'password', label: 'New password, at least 12 characters', type: 'password', autocomplete: 'new-password' };
const NAME: Field = { name: 'name', label: 'Your name', type: 'text', autocomplete: 'name' };
const EMAIL: Field = { name: 'email', label: 'Your address', type: 'email', autocomplete: 'email' };

export const LINK_PAGES: Readonly<Record<string, LinkPage>> = {
  setup: {
    title: 'Make the first administrator', text: 'Whoever does this owns the installation.', action: '/v1/setup',
    fields: [EMAIL, NAME, PASSWORD], button: 'Make the account', done: 'The account is there. Sign in, and enrol a second factor: before that it can do nothing.',
  },
  'reset-password': {
    title: 'Set a new password', text: 'All sessions end. A second factor is asked for as before.', action: '/v1/password-reset/complete',
    fields: [PASSWORD], button: 'Set the password', done: 'The password is set. Sign in with it.',
  },
  'confirm-email': {
    title: 'Confirm your address', text: 'This becomes the address of your account.', action: '/v1/email-change',
    fields: [], button: 'Confirm', done: 'The address is confirmed.',
  },
  invitation: {
    title: 'Accept an invitation', text: 'This makes your account. If you have one already, sign in to it and join from there.', action: '/v1/invitations/accept',
    fields: [NAME, PASSWORD], button: 'Make the account', done: 'The account is there. Sign in with it.',
  },
};

const DAY = 'public, max-age=86400';
/** Nothing but our own script and style runs here, and it talks to us alone. */
const POLICY = "default-src 'none';script-src 'self';style-src 'self';connect-src 'self';base-uri 'none';form-action 'none';frame-ancestors 'none'";

/** `/links/<page>` and their script: public, and the same for everybody; the token stands behind the `#` and reaches no server. */
export function registerLinkPages(app: FastifyInstance): void {
  for (const [name, page] of Object.entries(LINK_PAGES)) {
    const html = htmlOf(page);
    app.get(`/links/${name}`, async (_request, reply) => reply.header('content-security-policy', POLICY).header('cache-control', DAY).type('text/html; charset=utf-8').send(html));
  }
  app.get('/links/link.js', async (_request, reply) => reply.header('cache-control', DAY).header('etag', LINK_SCRIPT_ETAG).type('text/javascript; charset=utf-8').send(LINK_SCRIPT));
}

/** Of constants alone: nothing of a request is in it. */
function htmlOf({ title, text, action, fields, button, done }: LinkPage): string {
  const inputs = fields.map(({ name, label, type, autocomplete }) => `<p><label>${label}<br><input name="${name}" type="${type}" autocomplete="${autocomplete}" required></label></p>`);
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><link rel="stylesheet" href="/docs/style.css"></head><body>
<h1>${title}</h1><p>${text}</p>
<form data-action="${action}" data-done="${done}">${inputs.join('')}<p><button>${button}</button></p></form><p role="status" id="status"></p>
<script src="/links/link.js"></script></body></html>`;
}
