import type { FastifyInstance } from 'fastify';

const PATH = '/.well-known/security.txt';
const DAY_MS = 86_400_000;
/** A copy that somebody made is good for so long; whoever asks again gets another day, as long as this edge runs with its contacts. */
const VALID_DAYS = 30;
const CACHE_SECONDS = 86_400;

/** Contacts of RFC 9116, section 2.5.3: where faults are reported. */
export const CONTACT = /^(?:mailto:[^\s,@]+@[^\s,@]+|https:\/\/[^\s,]+|tel:\+[0-9-]+)$/;

/** The text of RFC 9116, with lines as its section 4 has them. */
export function securityText({ contacts, publicOrigin, nowMs }: { readonly contacts: readonly string[]; readonly publicOrigin: string; readonly nowMs: number }): string {
  const expires = new Date((Math.floor(nowMs / DAY_MS) + VALID_DAYS) * DAY_MS).toISOString().replace('.000Z', 'Z');
  return [...contacts.map((contact) => `Contact: ${contact}`), `Expires: ${expires}`, 'Preferred-Languages: en', `Canonical: ${publicOrigin}${PATH}`, ''].join('\r\n');
}

/** Public, as its readers have no account. Without contacts there is no such page. */
export function registerSecurityText(app: FastifyInstance, about: { readonly contacts: readonly string[]; readonly publicOrigin: string; readonly now: () => number }): void {
  if (about.contacts.length === 0) return;
  app.get(PATH, async (_request, reply) => reply.header('cache-control', `public, max-age=${CACHE_SECONDS}`).type('text/plain; charset=utf-8').send(securityText({ ...about, nowMs: about.now() })));
}
