import { wanted } from '@countersign/devstack';
import type { Cast, Make } from './cast.js';
import type { Person } from './whole-stand.js';

/** Samples of routes about mailed links and codes by SMS; see samples.ts. */

let made = 0;

async function asked({ stand }: Cast, purpose: 'password-reset' | 'email-change'): Promise<{ readonly person: Person; readonly token: string }> {
  const person = await stand.person();
  const answer = purpose === 'password-reset'
    ? await stand.browser().post('/v1/password-reset', { email: person.account.email })
    : await person.browser.post('/v1/account/email', { email: `changed${String(++made)}@example.com` });
  wanted(answer, 202);
  return { person, token: await stand.linkFor(person, purpose) };
}

/** A number of its own, to which a code was sent just now. */
async function withCode({ stand }: Cast): Promise<{ readonly person: Person; readonly phone: string }> {
  const person = await stand.person();
  const phone = `+4179${String(1_000_000 + ++made)}`;
  wanted(await person.browser.post('/v1/account/phone', { phone }), 202);
  return { person, phone };
}

export const LINK_SAMPLES: Readonly<Record<string, Make>> = {
  'POST /v1/password-reset': async (cast) => {
    const { account } = await cast.plain();
    return { by: cast.stand.browser(), isStranger: true, body: { email: account.email }, resource: { type: 'user', id: account.userId } };
  },
  'POST /v1/password-reset/complete': async (cast) => {
    const { person, token } = await asked(cast, 'password-reset');
    return { by: cast.stand.browser(), actor: person.account.userId, body: { token, password: 'a new passphrase of a sample' }, resource: { type: 'user', id: person.account.userId } };
  },
  'POST /v1/account/email': async (cast) => cast.own(await cast.stand.person(), { body: { email: `changed${String(++made)}@example.com` } }),
  'POST /v1/email-change': async (cast) => {
    const { person, token } = await asked(cast, 'email-change');
    return { by: cast.stand.browser(), actor: person.account.userId, body: { token }, resource: { type: 'user', id: person.account.userId } };
  },
  'POST /v1/account/phone': async (cast) => cast.own(await cast.stand.person(), { body: { phone: '+41791234567' } }),
  'POST /v1/account/phone/confirm': async (cast) => {
    const { person, phone } = await withCode(cast);
    return cast.own(person, { body: { code: cast.stand.sms.code(phone) } });
  },
  'DELETE /v1/account/phone': async (cast) => cast.own((await withCode(cast)).person),
  'POST /v1/sign-in/sms': async (cast) => {
    const { person, phone } = await withCode(cast);
    const { account } = person;
    wanted(await person.browser.post('/v1/account/phone/confirm', { code: cast.stand.sms.code(phone) }), 204);
    const by = cast.stand.browser();
    const { json } = wanted(await by.post('/v1/sign-in', { email: account.email, password: account.password }), 200);
    return { by, actor: account.userId, body: { challenge: json['challenge'] }, resource: { type: 'user', id: account.userId } };
  },
};
