import { describe, expect, it } from '@jest/globals';
import {
  admitPassword,
  apiKeyMac,
  backupCodes,
  CredentialFault,
  type CredentialFaultCode,
  csrfToken,
  hashingAdmission,
  parseApiKey,
  sessionDigest,
  type StoredBackupCode,
  totpCode,
  totpSecretFrom,
  totpSecretText,
  totpUri,
  verifyApiKey,
  verifyCsrfToken,
  verifyTotp,
} from '../src/index.js';
import { apiKeyFrom } from '../src/api-key.js';
import { parsePasswordRecord } from '../src/password-record.js';
import { countingSeams, quickHasher } from './quick.js';
import { hex, vectorsOf } from './vectors.js';

type Input =
  | { readonly operation: 'password'; readonly password: string; readonly stored: string; readonly peppers?: Readonly<Record<string, string>> }
  | { readonly operation: 'parse-password'; readonly stored: string }
  | { readonly operation: 'admit-password'; readonly password: string; readonly expected: readonly string[] }
  | { readonly operation: 'totp'; readonly secret: string; readonly code: string; readonly nowMs: number; readonly lastStep?: number }
  | { readonly operation: 'totp-uri'; readonly secret: string; readonly issuer: string; readonly account: string }
  | { readonly operation: 'api-key'; readonly idBytes: string; readonly secretBytes: string; readonly macKey: string; readonly macVersion: number }
  | { readonly operation: 'parse-api-key'; readonly text: string }
  | { readonly operation: 'session-digest'; readonly token: string }
  | { readonly operation: 'csrf'; readonly key: string; readonly sessionId: string; readonly nonce: string }
  | { readonly operation: 'backup-code'; readonly typed: string; readonly stored: readonly StoredBackupCode[] };
type Of<Operation> = Input & { readonly operation: Operation };

const codes = backupCodes(hashingAdmission());

async function password({ password, stored, peppers = {} }: Of<'password'>): Promise<unknown> {
  const bytesOf = (version: number): Uint8Array | undefined => (peppers[version] === undefined ? undefined : hex(peppers[version]));
  const hasher = quickHasher(1, { active: 1, bytesOf }, countingSeams());
  const { isRight } = await hasher.verify(password, stored);
  expect(await hasher.verify(`${password}.`, stored)).toMatchObject({ isRight: false });
  return { isRight };
}

function apiKey({ idBytes, secretBytes, macKey, macVersion }: Of<'api-key'>): unknown {
  const key = apiKeyFrom(hex(idBytes), hex(secretBytes));
  const mac = apiKeyMac(key, { version: macVersion, bytes: hex(macKey) });
  expect(verifyApiKey(parseApiKey(key.text), mac, (version) => (version === macVersion ? hex(macKey) : undefined))).toBe(true);
  return { ...key, mac };
}

function uri({ secret, issuer, account }: Of<'totp-uri'>): unknown {
  const parsed = new URL(totpUri(hex(secret), { issuer, account }));
  expect(`${parsed.protocol}//${parsed.host}`).toBe('otpauth://totp');
  expect(decodeURIComponent(parsed.pathname)).toContain(account);
  expect(Buffer.from(totpSecretFrom(totpSecretText(hex(secret)))).toString('hex')).toBe(secret);
  return { text: totpSecretText(hex(secret)), secret: parsed.searchParams.get('secret'), issuer: parsed.searchParams.get('issuer') };
}

function csrf({ key, sessionId, nonce }: Of<'csrf'>): unknown {
  const token = csrfToken(hex(key), sessionId, hex(nonce));
  expect(verifyCsrfToken(hex(key), sessionId, token)).toBe(true);
  return { token };
}

async function perform(input: Input): Promise<unknown> {
  switch (input.operation) {
    case 'password':
      return password(input);
    case 'parse-password':
      return parsePasswordRecord(input.stored);
    case 'admit-password':
      return { normal: admitPassword(input.password, input.expected) };
    case 'totp':
      return verifyTotp(hex(input.secret), input.code, input.nowMs, input.lastStep);
    case 'totp-uri':
      return uri(input);
    case 'api-key':
      return apiKey(input);
    case 'parse-api-key':
      return parseApiKey(input.text);
    case 'session-digest':
      return { digest: sessionDigest(input.token) };
    case 'csrf':
      return csrf(input);
    case 'backup-code':
      return codes.verify(input.typed, input.stored);
  }
}

describe('valid', () => {
  it.each(vectorsOf<Input, object>('valid').map((vector) => [vector.why, vector] as const))('%s', async (_why, { input, expect: expected }) => {
    expect(await perform(input)).toEqual(expected);
  });

  it('the code of a moment is the one that is accepted then', () => {
    for (const { input } of vectorsOf<Input, { verdict?: string }>('valid').filter(({ why }) => why.startsWith('RFC 6238'))) {
      if (input.operation === 'totp') expect(totpCode(hex(input.secret), input.nowMs)).toBe(input.code);
    }
  });
});

describe('invalid', () => {
  it.each(vectorsOf<Input, { fault: CredentialFaultCode }>('invalid').map((vector) => [vector.why, vector] as const))('%s', async (_why, { input, expect: { fault } }) => {
    const thrown = await perform(input).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(thrown).toBeInstanceOf(CredentialFault);
    expect(thrown).toMatchObject({ code: fault });
  });
});
