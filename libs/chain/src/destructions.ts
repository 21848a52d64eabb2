import { openSaltedPart, type PartName } from './part.js';
import type { StoredEntry } from './stored-entry.js';
import { scanEntry, scanParts, scanType } from './verify-entry.js';

/** Types of the ledger's own entries that say which parts may be missing (docs/spec/ledger-format.md, "Destroyed parts"). */
export const DESTRUCTION_ORDERED = 'ledger.parts.destruction-ordered';
export const DESTRUCTION_RECALLED = 'ledger.parts.destruction-recalled';
/** Parts of entries of these types are never lawfully missing: whoever could destroy them could say anything about all others. */
const NEVER = 'ledger.parts.';

/** What an entry of type {@link DESTRUCTION_ORDERED} says in its data; more fields may stand beside these. */
export interface DestructionStatement {
  readonly order: string;
  /** Names of parts that go. */
  readonly parts: readonly PartName[];
  /** Types of events whose parts go, whole. */
  readonly types: readonly string[];
  /** Leaf indexes [from, to), in order, none of them at or after the statement itself. */
  readonly ranges: readonly (readonly [from: number, to: number])[];
}

/** Plain values, for files and threads. */
export interface SavedDestructions {
  readonly missing: readonly (readonly [block: number, what: string, bits: string])[];
  readonly statements: readonly (readonly [leafIndex: number, statement: DestructionStatement])[];
  readonly recalled: readonly string[];
}

export interface MissingPart {
  readonly leafIndex: number;
  readonly name: PartName;
}

/** Leaf indexes are kept as bits, so many to a block: a million missing parts take some hundred kilobytes. */
const BLOCK_LEAVES = 1_024;
const WORD_BITS = 32;

/**
 * Which listed parts are not stored, and which of those may be: a statement in the same ledger, behind what it speaks of and not
 * recalled, names their type, name and index. Nothing is judged before everything was read.
 */
export class Destructions {
  /** By block, then by name and type. */
  private readonly blocks = new Map<number, Map<string, Uint32Array>>();
  private readonly statements: { readonly leafIndex: number; readonly statement: DestructionStatement }[] = [];
  private readonly recalled = new Set<string>();

  static restore(saved: SavedDestructions | undefined): Destructions {
    const made = new Destructions();
    if (saved !== undefined) made.merge(saved);
    return made;
  }

  /** A part that the entry lists is not stored. */
  missing(leafIndex: number, name: PartName, type: string): void {
    const bits = this.bits(Math.floor(leafIndex / BLOCK_LEAVES), `${name} ${type}`);
    const at = leafIndex % BLOCK_LEAVES;
    bits[Math.floor(at / WORD_BITS)]! |= 1 << at % WORD_BITS;
  }

  /** What a stored entry says and lacks, without verifying it. Throws ENTRY_MALFORMED. */
  note(leafIndex: number, { entry, data, personal }: StoredEntry): void {
    const type = scanType(entry, leafIndex);
    let at = 0;
    for (const { name } of scanParts(scanEntry(entry, leafIndex).parts, leafIndex)) {
      const stored = name === 'data' ? data : (personal[at++] ?? null);
      if (stored === null) this.missing(leafIndex, name, type);
    }
    this.stated(leafIndex, type, data);
  }

  /** An entry with its stored data. Of other types than those above, or where it cannot be read, it allows nothing. */
  stated(leafIndex: number, type: string, data: Uint8Array | null): void {
    if (data === null || (type !== DESTRUCTION_ORDERED && type !== DESTRUCTION_RECALLED)) return;
    const said = parse(openSaltedPart(data));
    if (said === undefined) return;
    if (type === DESTRUCTION_RECALLED && typeof said['order'] === 'string') this.recalled.add(said['order']);
    const statement = type === DESTRUCTION_ORDERED ? statementOf(said, leafIndex) : undefined;
    if (statement !== undefined) this.statements.push({ leafIndex, statement });
  }

  /** Takes over what was met elsewhere in the same ledger. */
  merge({ missing, statements, recalled }: SavedDestructions): void {
    for (const [block, what, base64] of missing) {
      const bits = this.bits(block, what);
      const words = new Uint32Array(Uint8Array.from(Buffer.from(base64, 'base64')).buffer);
      if (words.length !== bits.length) throw new RangeError('a block of missing parts has another length');
      words.forEach((word, at) => (bits[at]! |= word));
    }
    for (const [leafIndex, statement] of statements) this.statements.push({ leafIndex, statement });
    for (const order of recalled) this.recalled.add(order);
  }

  save(): SavedDestructions {
    const missing = [...this.blocks].flatMap(([block, kinds]) => [...kinds].map(([what, bits]) => [block, what, Buffer.from(bits.buffer).toString('base64')] as const));
    return { missing, statements: this.statements.map(({ leafIndex, statement }) => [leafIndex, statement] as const), recalled: [...this.recalled] };
  }

  /** Missing parts that nothing allows to be missing, in no order. */
  *unlawful(): Generator<MissingPart> {
    const left = Destructions.restore(this.save());
    for (const { statement } of this.statements) if (!this.recalled.has(statement.order)) left.allow(statement);
    for (const [block, kinds] of left.blocks) {
      for (const [what, bits] of kinds) {
        const name = what.slice(0, what.indexOf(' ')) as PartName;
        for (let at = 0; at < BLOCK_LEAVES; at++) {
          if ((bits[Math.floor(at / WORD_BITS)]! & (1 << at % WORD_BITS)) !== 0) yield { leafIndex: block * BLOCK_LEAVES + at, name };
        }
      }
    }
  }

  /** The lowest index of {@link unlawful}. */
  firstUnlawful(): number | undefined {
    let first: number | undefined;
    for (const { leafIndex } of this.unlawful()) if (first === undefined || leafIndex < first) first = leafIndex;
    return first;
  }

  private allow({ parts, types, ranges }: DestructionStatement): void {
    const allowed = new Set(parts.flatMap((name) => types.filter((type) => !type.startsWith(NEVER)).map((type) => `${name} ${type}`)));
    for (const [from, to] of ranges) {
      for (let block = Math.floor(from / BLOCK_LEAVES); block * BLOCK_LEAVES < to; block++) {
        for (const [what, bits] of this.blocks.get(block) ?? []) if (allowed.has(what)) clear(bits, from - block * BLOCK_LEAVES, to - block * BLOCK_LEAVES);
      }
    }
  }

  private bits(block: number, what: string): Uint32Array {
    let kinds = this.blocks.get(block);
    if (kinds === undefined) this.blocks.set(block, (kinds = new Map<string, Uint32Array>()));
    let bits = kinds.get(what);
    if (bits === undefined) kinds.set(what, (bits = new Uint32Array(BLOCK_LEAVES / WORD_BITS)));
    return bits;
  }
}

function clear(bits: Uint32Array, from: number, to: number): void {
  if (from <= 0 && to >= BLOCK_LEAVES) {
    bits.fill(0);
    return;
  }
  for (let at = Math.max(0, from); at < Math.min(to, BLOCK_LEAVES); at++) bits[Math.floor(at / WORD_BITS)]! &= ~(1 << at % WORD_BITS);
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined for what is no statement, or speaks of what was not there yet: that allows nothing. */
function statementOf({ order, parts, types, ranges }: Record<string, unknown>, leafIndex: number): DestructionStatement | undefined {
  const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
  const isRange = (value: unknown): value is [number, number] =>
    Array.isArray(value) && value.length === 2 && value.every((one) => Number.isSafeInteger(one) && one >= 0) && value[0] < value[1] && value[1] <= leafIndex;
  if (!isText(order) || !Array.isArray(parts) || !Array.isArray(types) || !Array.isArray(ranges)) return undefined;
  if (!parts.every((name) => name === 'data' || name === 'personal') || !types.every(isText) || !ranges.every(isRange)) return undefined;
  return { order, parts, types, ranges };
}
