import { describe, expect, it } from '@jest/globals';
import { CONTACT, securityText } from '../src/pages/security-text.js';

const DAY_MS = 86_400_000;
const at = (text: string): number => Date.parse(text);
const about = { contacts: ['mailto:security@example.com', 'https://example.com/report'], publicOrigin: 'https://audit.example.com' };

describe('security.txt', () => {
  it('is that of RFC 9116: contacts in order, one day of expiry, its own address, lines that end as they must', () => {
    expect(securityText({ ...about, nowMs: at('2026-11-23T13:14:15Z') }).split('\r\n')).toEqual([
      'Contact: mailto:security@example.com',
      'Contact: https://example.com/report',
      'Expires: 2026-12-23T00:00:00Z',
      'Preferred-Languages: en',
      'Canonical: https://audit.example.com/.well-known/security.txt',
      '',
    ]);
  });

  it.each(['2026-11-23T00:00:00Z', '2026-11-23T23:59:59.999Z', '2028-02-28T12:00:00Z'])('at %s holds for weeks, and for less than the year that is recommended', (now) => {
    const expires = /^Expires: (.*)$/m.exec(securityText({ ...about, nowMs: at(now) }))![1]!;
    expect(at(expires) - at(now)).toBeGreaterThan(28 * DAY_MS);
    expect(at(expires) - at(now)).toBeLessThan(365 * DAY_MS);
  });

  it.each([
    ['mailto:security@example.com', true],
    ['https://example.com/report?a=b', true],
    ['tel:+49-30-1234567', true],
    ['security@example.com', false],
    ['http://example.com/report', false],
    ['https://example.com/\r\nPolicy: https://evil.example', false],
    ['javascript:alert(1)', false],
    ['mailto:a@b,mailto:c@d', false],
  ])('%j may be a contact: %s', (contact, may) => {
    expect(CONTACT.test(contact)).toBe(may);
  });
});
