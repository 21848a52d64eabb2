/** What a producer holds after its event is committed (docs/spec/ledger-format.md, "Receipt"). */
export interface Receipt {
  readonly id: string;
  readonly tenant: string;
  readonly index: number;
  /** Hex SHA-256 of 0x00 and the entry bytes: the Merkle leaf hash. */
  readonly eventHash: string;
  readonly recordedAt: string;
}
