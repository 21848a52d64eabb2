import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { codeOf, IdentityFixture, PASSWORD, type Browser } from './fixture/identity-fixture.js';
import { until } from './fixture/until.js';

const MINUTE_MS = 60_000;
let fixture: IdentityFixture;

beforeAll(async () => {
  fixture = await IdentityFixture.make();
}, 120_000);
afterAll(() => fixture.close());

const guess = (browser: Browser, email: string): Promise<string> => codeOf(fixture.ask('sign-in', browser, { email, password: 'a wrong password' }));

describe('guessing', () => {
  it('from many addresses locks the account for strangers, and says for how long', async () => {
    const person = await fixture.person();
    for (let i = 0; i < 5; i++) expect(await guess(fixture.browser(), person.email)).toBe('SIGN_IN_REFUSED');
    const locked = fixture.ask('sign-in', fixture.browser(), { email: person.email, password: PASSWORD });
    await expect(locked).rejects.toMatchObject({ code: 'ATTEMPTS_LOCKED', detail: { retryAfterMs: expect.any(Number) } });
    // The owner's own browser is known.
    expect(await codeOf(fixture.ask('sign-in', person.browser, { email: person.email, password: PASSWORD }))).toBe('none');
    await until('on record', () => fixture.recorded('identity.sign-in.locked').some(({ resource }) => resource?.id === person.userId));
    fixture.offsetMs += MINUTE_MS + 1_000;
    expect(await codeOf(fixture.ask('sign-in', fixture.browser(), { email: person.email, password: PASSWORD }))).toBe('none');
  });

  it('is forgotten when an administrator says so', async () => {
    const person = await fixture.person();
    const admin = await fixture.administrator();
    for (let i = 0; i < 5; i++) await guess(fixture.browser(), person.email);
    const right = () => codeOf(fixture.ask('sign-in', fixture.browser(), { email: person.email, password: PASSWORD }));
    expect(await right()).toBe('ATTEMPTS_LOCKED');
    expect(await codeOf(fixture.ask('user-unlock', person.browser, { userId: person.userId }))).toBe('FORBIDDEN');
    await fixture.ask('user-unlock', admin.browser, { userId: person.userId });
    expect(await right()).toBe('none');
    await until('on record', () => fixture.recorded('identity.user.unlocked').some(({ resource }) => resource?.id === person.userId));
  });

  it('locks an address that nobody has in the same way', async () => {
    const answers: string[] = [];
    for (let i = 0; i < 6; i++) answers.push(await guess(fixture.browser(), 'nobody-at-all@example.com'));
    expect(answers).toEqual([...Array.from({ length: 5 }, () => 'SIGN_IN_REFUSED'), 'ATTEMPTS_LOCKED']);
  });

  it('of many accounts from one network locks the network', async () => {
    const answers: string[] = [];
    for (let i = 0; i < 6; i++) answers.push(await guess({ ip: `2001:db8:5:5::${i + 1}` }, `sprayed${i}@example.com`));
    expect(answers.at(-1)).toBe('ATTEMPTS_LOCKED');
  });

  it('at the same moment is looked at only so often', async () => {
    const person = await fixture.person();
    const answers = await Promise.all(Array.from({ length: 20 }, () => guess(fixture.browser(), person.email)));
    expect(answers.filter((code) => code === 'SIGN_IN_REFUSED').length).toBe(5);
  });

  it('is limited on a known device too, by that device alone', async () => {
    const person = await fixture.person();
    for (let i = 0; i < 5; i++) expect(await guess(person.browser, person.email)).toBe('SIGN_IN_REFUSED');
    expect(await guess(person.browser, person.email)).toBe('ATTEMPTS_LOCKED');
    expect(await codeOf(fixture.ask('sign-in', fixture.browser(), { email: person.email, password: PASSWORD }))).toBe('none');
  });

  it('of codes is cut off by the challenge', async () => {
    const person = await fixture.person();
    await fixture.enrol(person);
    const browser = fixture.browser();
    const challenged = await fixture.ask('sign-in', browser, { email: person.email, password: PASSWORD });
    const challenge = 'challenge' in challenged ? challenged.challenge : '';
    const codes: string[] = [];
    for (let i = 0; i < 7; i++) codes.push(await codeOf(fixture.ask('verify-mfa', browser, { challenge, code: `00000${i}` })));
    expect(codes.at(-1)).toMatch(/CHALLENGE_INVALID|ATTEMPTS_LOCKED/);
    expect(codes.filter((code) => code === 'CODE_REFUSED').length).toBeLessThanOrEqual(5);
  });

  it('leaves each failure on record, with the address under a key that can be destroyed', async () => {
    const browser = fixture.browser();
    await guess(browser, 'recorded@example.com');
    await until('on record', () => fixture.recorded('identity.sign-in.failed').some(({ personal }) => personal?.[0]?.data['ip'] === browser.ip));
    const event = fixture.recorded('identity.sign-in.failed').find(({ personal }) => personal?.[0]?.data['ip'] === browser.ip);
    expect(event).toMatchObject({ outcome: 'failure', data: { what: 'password', why: 'SIGN_IN_REFUSED' }, personal: [{ subject: expect.stringMatching(/^stranger-\d{4}-\d\d-\d\d$/) }] });
  });
});
