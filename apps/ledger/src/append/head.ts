import { genesisHash, RightEdge } from '@countersign/chain';

/** A ledger as the services name it. */
export interface Ledger {
  readonly ledgerId: number;
  readonly tenant: string;
  readonly origin: string;
}

/** The committed end of a ledger: all that the next append needs. */
export interface Head {
  readonly treeSize: number;
  /** Hex; `previousEventHash` of the next entry. */
  readonly lastEventHash: string;
  /** RFC 3339; empty before the first entry. */
  readonly lastRecordedAt: string;
  readonly edge: RightEdge;
}

export function emptyHead(origin: string): Head {
  return { treeSize: 0, lastEventHash: genesisHash(origin), lastRecordedAt: '', edge: RightEdge.empty() };
}
