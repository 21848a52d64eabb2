import { describe, expect, it } from '@jest/globals';
import { checkLink, FILE_LINK_CHARS_MAX, readLink, signLink } from '../src/index.js';

const KEY = { version: 3, bytes: Buffer.alloc(32, 1) };
const UNTIL = 1_800_000_000;
const TOKEN = signLink(KEY, 'export-1', UNTIL);

describe('a signed link', () => {
  it('names one file, until its time is over', () => {
    expect(checkLink(KEY, TOKEN, UNTIL * 1_000 - 1)).toEqual({ fileId: 'export-1', untilSeconds: UNTIL, keyVersion: 3 });
    expect(readLink(TOKEN).keyVersion).toBe(3);
    expect(signLink({ version: 999_999_999, bytes: KEY.bytes }, 'f'.repeat(64), 999_999_999_999).length).toBeLessThanOrEqual(FILE_LINK_CHARS_MAX);
    expect(() => checkLink(KEY, TOKEN, UNTIL * 1_000)).toThrow(expect.objectContaining({ code: 'FILE_LINK_EXPIRED' }));
  });

  const changed = (part: number, text: string): string => TOKEN.split('.').with(part, text).join('.');
  it.each([
    ['another file', changed(0, 'export-2')],
    ['more time', changed(1, String(UNTIL + 1))],
    ['another version of the key', changed(2, '4')],
    ['another signature', changed(3, 'A'.repeat(43))],
    ['time with a leading zero', changed(1, `0${UNTIL}`)],
    ['no signature', TOKEN.slice(0, TOKEN.lastIndexOf('.'))],
    ['something behind it', `${TOKEN}.x`],
    ['nothing', ''],
  ])('is refused with FILE_LINK_INVALID: %s', (_why, token) => {
    expect(() => checkLink(KEY, token, 0)).toThrow(expect.objectContaining({ code: 'FILE_LINK_INVALID' }));
  });

  it('is not one under another key of the same version', () => {
    expect(() => checkLink({ ...KEY, bytes: Buffer.alloc(32, 2) }, TOKEN, 0)).toThrow(expect.objectContaining({ code: 'FILE_LINK_INVALID' }));
  });
});
