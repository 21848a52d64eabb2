import { createContext, runInContext } from 'node:vm';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LINK_PAGES, registerLinkPages } from '../src/pages/link-pages.js';
import { LINK_SCRIPT } from '../src/pages/link-script.js';
import { ROUTES } from '../src/routes/index.js';

const TOKEN = 'A'.repeat(43);
let app: FastifyInstance;
beforeAll(async () => {
  app = Fastify();
  registerLinkPages(app);
  await app.ready();
});
afterAll(() => app.close());

describe('the pages of links', () => {
  it.each(Object.entries(LINK_PAGES))('%s is a form for a route that takes exactly what it holds', async (name, { action, fields }) => {
    const answer = await app.inject({ url: `/links/${name}` });
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(answer.headers['content-security-policy']).toBe("default-src 'none';script-src 'self';style-src 'self';connect-src 'self';base-uri 'none';form-action 'none';frame-ancestors 'none'");
    expect(answer.body).not.toMatch(/<script>|\son[a-z]+=|\sstyle=/);
    const route = ROUTES.find(({ method, path }) => method === 'POST' && path === action);
    const sent = { email: 'ana@example.com', name: 'Ana', password: 'correct horse battery' };
    const body = { token: TOKEN, ...Object.fromEntries(fields.map((field) => [field.name, sent[field.name]])) };
    expect(route?.access.kind).toBe('public');
    expect(route?.body?.safeParse(body).success).toBe(true);
  });

  it('are no others', async () => {
    expect((await app.inject({ url: '/links/other' })).statusCode).toBe(404);
    expect((await app.inject({ url: '/links/link.js' })).headers['content-type']).toBe('text/javascript; charset=utf-8');
  });
});

/** As much of a browser as the script uses. */
function page(hash: string, answer: () => Promise<unknown>) {
  let submit: ((event: object) => Promise<void>) | undefined;
  const seen = { sent: undefined as unknown, replaced: undefined as unknown };
  const button = { disabled: false };
  const form = {
    hidden: false, dataset: { action: '/v1/password-reset/complete', done: 'done' },
    addEventListener: (_name: string, listener: typeof submit) => (submit = listener),
    querySelector: () => button, querySelectorAll: () => [{ name: 'password', value: 'correct horse battery' }],
  };
  const status = { textContent: '' };
  const fetch = (action: string, { body }: { body: string }) => {
    seen.sent = [action, JSON.parse(body)];
    return answer();
  };
  const context = createContext({
    document: { querySelector: () => form, getElementById: () => status }, fetch,
    location: { hash, pathname: '/links/reset-password' }, history: { replaceState: (_state: null, _title: string, path: string) => (seen.replaced = path) },
  });
  runInContext(LINK_SCRIPT, context);
  return { form, status, button, seen, submit: () => submit!({ preventDefault: () => undefined }) };
}

describe('the script', () => {
  it('takes the token out of the address, sends it with the fields, and says that it is done', async () => {
    const { form, status, seen, submit } = page(`#${TOKEN}`, async () => ({ ok: true }));
    expect(seen.replaced).toBe('/links/reset-password');
    await submit();
    expect(seen.sent).toEqual(['/v1/password-reset/complete', { token: TOKEN, password: 'correct horse battery' }]);
    expect([form.hidden, status.textContent]).toEqual([true, 'done']);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['a refusal', async () => ({ ok: false, json: async () => ({ detail: 'the link was used', code: 'LINK_INVALID' }) }), 'the link was used (LINK_INVALID)'],
    ['no answer', () => Promise.reject(new Error('away')), 'There is no answer. Try again in a moment.'],
  ])('shows %s, and lets one try again', async (_what, answer, text) => {
    const { form, status, button, submit } = page(`#${TOKEN}`, answer);
    await submit();
    expect([form.hidden, button.disabled, status.textContent]).toEqual([false, false, text]);
  });

  it('sends nothing without a whole token', () => {
    const { form, status } = page('#short', () => Promise.reject(new Error('never')));
    expect(form.hidden).toBe(true);
    expect(status.textContent).toContain('not the whole link');
  });
});
