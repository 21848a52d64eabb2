/**
 * Somebody has demanded that what is about him be kept and not used (Regulation (EU) 2016/679, Article 18): nothing of it is destroyed
 * until that is lifted. His own request for erasure, made later, ends it.
 */
export interface Restriction {
  readonly id: string;
  /** Undefined: the subject of the installation, in all organisations. */
  readonly organization?: string;
  readonly subject: string;
  readonly sinceMs: number;
  /** From when it is lifted; undefined: nobody has said so. */
  readonly untilMs?: number;
}

/** Whether a restriction speaks of a resource. */
export function restricts({ organization, subject }: Restriction, resource: { readonly organization?: string; readonly subject?: string }): boolean {
  return subject === resource.subject && (organization === undefined || organization === resource.organization);
}

export function isRestricted({ sinceMs, untilMs }: Restriction, erasure: { readonly atMs: number } | undefined, atMs: number): boolean {
  if (atMs < sinceMs || (untilMs !== undefined && atMs >= untilMs)) return false;
  return erasure === undefined || erasure.atMs < sinceMs || erasure.atMs > atMs;
}
