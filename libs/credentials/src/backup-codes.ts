import { randomBytes } from 'node:crypto';
import bcrypt from 'bcrypt';
import type { Admission } from './admission.js';
import { CredentialFault } from './fault.js';

/** Ten, each used once, for whoever has lost their second factor. */
export const BACKUP_CODES = 10;
const ID_CHARS = 4;
/** 60 bits: NIST SP 800-63B-4 §3.1.2.2 asks for 20 beside a limit of attempts. bcrypt reads 72 bytes, this is 12. */
const SECRET_CHARS = 12;
/** Crockford's base32: no letter that looks like a digit. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const CODE = new RegExp(`^[${ALPHABET}]{${ID_CHARS + SECRET_CHARS}}$`);
const TYPED_CHARS_MAX = 64;
/** 2^10 rounds, some 60 ms: the secret is random, and does not need more. */
export const BCRYPT_COST = 10;
const BCRYPT_HASH_CHARS = 31;

export interface StoredBackupCode {
  /** Not secret: picks the one hash to compare. */
  readonly id: string;
  readonly hash: string;
  readonly isUsed: boolean;
}

/** `used`: right, but no longer: somebody else may have read the list. */
export type BackupCodeVerdict = { readonly verdict: 'accepted' | 'used'; readonly id: string } | { readonly verdict: 'wrong' };

const random = (chars: number): string => Array.from(randomBytes(chars), (byte) => ALPHABET[byte % ALPHABET.length]).join('');

/** Backup codes, hashed by bcrypt behind the same admission as passwords. `cost` is for tests alone: what this package exports sets it to BCRYPT_COST. */
export class BackupCodes {
  /** Of the form of a hash, of nothing: comparing with it costs the same. */
  readonly #decoy: string;

  constructor(
    private readonly admission: Admission,
    private readonly cost: number = BCRYPT_COST,
  ) {
    this.#decoy = bcrypt.genSaltSync(cost) + random(BCRYPT_HASH_CHARS);
  }

  /** Ten new codes: the texts `<id>-<secret>` are shown once, the rest is stored. @throws CredentialFault HASHER_OVERLOADED */
  async make(): Promise<{ readonly texts: readonly string[]; readonly stored: readonly StoredBackupCode[] }> {
    const ids = new Set<string>();
    while (ids.size < BACKUP_CODES) ids.add(random(ID_CHARS));
    const codes = [...ids].map((id) => ({ id, secret: random(SECRET_CHARS) }));
    const stored = await this.admission.run(async () => {
      const made: StoredBackupCode[] = [];
      for (const { id, secret } of codes) made.push({ id, hash: await bcrypt.hash(secret, this.cost), isUsed: false });
      return made;
    });
    return { texts: codes.map(({ id, secret }) => `${id}-${secret.replace(/.{4}(?=.)/g, '$&-')}`), stored };
  }

  /**
   * One comparison whether the id is there or not. Case, spaces and hyphens do not count, `o` is 0, `i` and `l` are 1. Mark the code used in one
   * transaction with what it lets in.
   * @throws CredentialFault HASHER_OVERLOADED; BACKUP_CODE_MALFORMED when what was typed is no backup code at all
   */
  async verify(typed: string, stored: readonly StoredBackupCode[]): Promise<BackupCodeVerdict> {
    const code = normalise(typed);
    const [id, secret] = [code.slice(0, ID_CHARS), code.slice(ID_CHARS)];
    const candidate = stored.find((one) => one.id === id);
    const isRight = await this.admission.run(() => bcrypt.compare(secret, candidate?.hash ?? this.#decoy));
    if (!isRight || candidate === undefined) return { verdict: 'wrong' };
    return { verdict: candidate.isUsed ? 'used' : 'accepted', id };
  }
}

function normalise(typed: string): string {
  const code = typed.slice(0, TYPED_CHARS_MAX + 1).toLowerCase().replace(/[\s-]/g, '').replaceAll('o', '0').replace(/[il]/g, '1');
  if (typed.length > TYPED_CHARS_MAX || !CODE.test(code)) throw new CredentialFault('BACKUP_CODE_MALFORMED', 'a backup code is <id>-<secret>');
  return code;
}
