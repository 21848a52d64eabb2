import type { IdentityPrincipal, KeyPrincipal, Revocation } from '@countersign/contracts';

/** On whom what is known of somebody depends: a key also on who made it. */
export type Dependent = Pick<IdentityPrincipal, 'userId' | 'sessionId' | 'organization'> | Pick<KeyPrincipal, 'userId' | 'keyId' | 'createdBy' | 'organization'>;

interface Revoked {
  readonly stamp: number;
  readonly atMs: number;
}

/**
 * Which sessions were revoked after what. What is known of a session carries the stamp of when it was asked; a revocation with a
 * later stamp voids it, also when the answer was still under way.
 */
export class RevocationMemory {
  readonly #revoked = new Map<string, Revoked>();
  #stamp = 0;
  /** Nothing with an earlier stamp is believed. */
  #floor = 0;

  constructor(
    /** After this nothing is left that a revocation could void: how long answers are kept, counted from the question. */
    private readonly keptMs: number,
    private readonly entriesMax: number,
  ) {}

  /** The stamp of a question that is asked now. */
  stamp(): number {
    return this.#stamp;
  }

  add(revocation: Pick<Revocation, 'userId' | 'sessionIds' | 'organization'>, nowMs: number): void {
    this.#prune(nowMs);
    const keys = keysOf(revocation);
    if (keys.length === 0) return this.voidAll();
    const revoked = { stamp: ++this.#stamp, atMs: nowMs };
    if (this.#revoked.size + keys.length > this.entriesMax) return this.voidAll();
    for (const key of keys) {
      this.#revoked.delete(key);
      this.#revoked.set(key, revoked);
    }
  }

  /** Whatever was asked before now is void. */
  voidAll(): void {
    this.#floor = ++this.#stamp;
    this.#revoked.clear();
  }

  isVoid(known: Dependent, stamp: number): boolean {
    const after = (key: string): boolean => (this.#revoked.get(key)?.stamp ?? 0) > stamp;
    const isGone = 'keyId' in known ? after(`session ${known.keyId}`) || after(`user ${known.createdBy}`) : after(`session ${known.sessionId}`);
    return stamp < this.#floor || isGone || after(`user ${known.userId}`) || (known.organization !== undefined && after(`organization ${known.organization}`));
  }

  #prune(nowMs: number): void {
    for (const [key, { atMs }] of this.#revoked) {
      if (nowMs - atMs <= this.keptMs) return;
      this.#revoked.delete(key);
    }
  }
}

/** None: everybody's sessions. */
function keysOf({ userId, sessionIds, organization }: Pick<Revocation, 'userId' | 'sessionIds' | 'organization'>): readonly string[] {
  if (sessionIds !== undefined) return sessionIds.map((id) => `session ${id}`);
  return [...(userId === undefined ? [] : [`user ${userId}`]), ...(organization === undefined ? [] : [`organization ${organization}`])];
}
