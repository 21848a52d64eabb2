/** A personal part, sealed under its subject's key. */
export interface SealedPersonal {
  /** `v2:…` */
  readonly text: string;
  /** Hex; tells the same part again, for as long as its subject's key is there. */
  readonly digest: string;
  /** Its subject has no key any more: it can be compared with nothing. */
  readonly isErased: boolean;
}

/** The same as it is stored. */
export interface StoredPart extends Omit<SealedPersonal, 'text'> {
  /** UTF-8 of `v2:…` */
  readonly bytes: Buffer;
}
