import type { PasskeyCreation, PasskeyRequest } from '@countersign/contracts';
import { SoftAuthenticator, wanted } from '@countersign/devstack';
import type { Cast, Make } from './cast.js';
import type { Person } from './whole-stand.js';

/** What identity believes to be its public origin, unless it is told. */
const ORIGIN = 'https://localhost:8443';

/** Samples of routes about second factors; see samples.ts. */
export const FACTOR_SAMPLES: Readonly<Record<string, Make>> = {
  'GET /v1/sign-in/passkey': async ({ stand }) => ({ by: stand.browser() }),
  'POST /v1/sign-in/passkey': async (cast) => {
    const { person, key } = await withPasskey(cast);
    const by = cast.stand.browser();
    const options = wanted(await by.get('/v1/sign-in/passkey'), 200).json as unknown as PasskeyRequest;
    return { by, actor: person.account.userId, body: { passkey: key.answer(options) }, resource: { type: 'session' } };
  },
  'GET /v1/account/step-up/passkey': async (cast) => ({ by: (await withPasskey(cast)).person.browser }),
  'GET /v1/account/passkeys': async (cast) => ({ by: (await cast.plain()).browser }),
  'POST /v1/account/passkeys/begin': async (cast) => cast.own(await cast.stand.person()),
  'POST /v1/account/passkeys': async (cast) => {
    const person = await cast.stand.person();
    const options = wanted(await person.browser.post('/v1/account/passkeys/begin'), 200).json as unknown as PasskeyCreation;
    return cast.own(person, { body: { name: 'Key', passkey: new SoftAuthenticator(ORIGIN).make(options) } });
  },
  'PATCH /v1/account/passkeys/{passkeyId}': async (cast) => {
    const { person, passkeyId } = await withPasskey(cast);
    return cast.own(person, { path: { passkeyId }, body: { name: 'Another name' } });
  },
  'DELETE /v1/account/passkeys/{passkeyId}': async (cast) => {
    const { person, passkeyId } = await withPasskey(cast, await cast.stand.person());
    return cast.own(person, { path: { passkeyId } });
  },
  'DELETE /v1/account/totp': async (cast) => cast.own(await enrolled(cast)),
  'POST /v1/account/backup-codes': async (cast) => cast.own(await cast.enrolled()),
  'GET /v1/admin/users/{userId}/passkeys': async ({ stand }) => ({ by: stand.admin.browser, path: { userId: stand.admin.account.userId } }),
  'POST /v1/admin/users/{userId}/mfa/reset': async (cast) => cast.over(await enrolled(cast), { reason: 'a sample' }),
};

interface Keyed {
  readonly person: Person;
  readonly key: SoftAuthenticator;
  readonly passkeyId: string;
}

const known = new WeakMap<Cast, Promise<Keyed>>();

/** Somebody with a passkey; the same one, unless another is given. */
function withPasskey(cast: Cast, person?: Person): Promise<Keyed> {
  if (person !== undefined) return register(person);
  const before = known.get(cast) ?? cast.stand.person().then(register);
  known.set(cast, before);
  return before;
}

async function register(person: Person): Promise<Keyed> {
  const key = new SoftAuthenticator(ORIGIN);
  const options = wanted(await person.browser.post('/v1/account/passkeys/begin'), 200).json as unknown as PasskeyCreation;
  const { json } = wanted(await person.browser.post('/v1/account/passkeys', { name: 'Key', passkey: key.make(options) }), 201);
  return { person, key, passkeyId: json['passkeyId'] as string };
}

async function enrolled({ stand }: Cast): Promise<Person> {
  const person = await stand.person();
  await person.account.enrol(person.browser);
  return person;
}
