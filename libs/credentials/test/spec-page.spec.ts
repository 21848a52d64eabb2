import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BACKUP_CODES, CREDENTIAL_FAULT_CODES, ITERATIONS_DEFAULT, ITERATIONS_MAX, ITERATIONS_MIN, PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN } from '../src/index.js';
import { vectorsOf } from './vectors.js';

const page = readFileSync(join(import.meta.dirname, '../../../docs/spec/credentials.md'), 'utf8');
const inWords = (count: number): string => count.toLocaleString('en');

describe('docs/spec/credentials.md', () => {
  it('names every fault, and no other', () => {
    const listed = page.slice(page.indexOf('## Faults')).match(/\b[A-Z]+(_[A-Z]+)+\b/g);
    expect(listed).toEqual([...CREDENTIAL_FAULT_CODES]);
  });

  it('has examples that are vectors', () => {
    const examples = page.match(/csk_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}|k7:[\w-]{43}/g);
    const [key] = vectorsOf<unknown, { text: string; mac: string }>('valid').filter(({ why }) => why.startsWith('an API key'));
    expect(examples).toEqual([key?.expect.text, key?.expect.mac]);
    const [session] = vectorsOf<{ token: string }, { digest: string }>('valid').filter(({ why }) => why.startsWith('a session token'));
    expect(page).toContain(`\`${session?.input.token}\` is stored as \`${session?.expect.digest}\``);
  });

  it.each([
    `${PASSWORD_LENGTH_MIN} to ${PASSWORD_LENGTH_MAX} characters`,
    `${inWords(ITERATIONS_DEFAULT)} by default`,
    `under ${inWords(ITERATIONS_MIN)} none`,
    `over ${inWords(ITERATIONS_MAX)}`,
    `${BACKUP_CODES === 10 ? 'Ten' : BACKUP_CODES} codes`,
  ])('says: %s', (limit) => {
    expect(page).toContain(limit);
  });
});
