/** A personal part, sealed under its subject's key, as it is stored. */
export interface StoredPart {
  /** ASCII of `v2:…` */
  readonly bytes: Buffer;
  /** Hex; tells the same part again, for as long as its subject's key is there. */
  readonly digest: string;
  /** Its subject has no key any more: it can be compared with nothing. */
  readonly isErased: boolean;
}
