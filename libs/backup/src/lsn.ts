/** Positions in the write-ahead log: 64 bits, written `16/B374D848` by PostgreSQL. */
export type Lsn = bigint;

export function parseLsn(text: string): Lsn {
  const [, high, low] = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text) ?? [];
  if (high === undefined || low === undefined) throw new RangeError('a position in the write-ahead log is two hexadecimal numbers');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`;
}

/** Name of the file of the segment that holds the position (PostgreSQL manual, "WAL Internals"). */
export function segmentName(timeline: number, lsn: Lsn, segmentBytes: number): string {
  const segment = lsn / BigInt(segmentBytes);
  const perId = 0x1_0000_0000n / BigInt(segmentBytes);
  return [BigInt(timeline), segment / perId, segment % perId].map((part) => part.toString(16).toUpperCase().padStart(8, '0')).join('');
}
