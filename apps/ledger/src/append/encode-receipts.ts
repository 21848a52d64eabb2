import type { Receipt } from '@countersign/chain';

/** Body of `ledger.receipt.<source>`. Ids, hashes and times hold nothing that JSON would escape. */
export function encodeReceipts(recorded: readonly Receipt[], repeated: readonly Receipt[]): string {
  return `{"recorded":[${encodeAll(recorded)}],"repeated":[${encodeAll(repeated)}]}`;
}

function encodeAll(receipts: readonly Receipt[]): string {
  let out = '';
  for (const { id, tenant, index, eventHash, recordedAt } of receipts) {
    out += `${out === '' ? '' : ','}{"id":"${id}","tenant":"${tenant}","index":${index},"eventHash":"${eventHash}","recordedAt":"${recordedAt}"}`;
  }
  return out;
}
