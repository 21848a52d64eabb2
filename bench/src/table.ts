/** One figure: how it is shown, and what it should be. */
export interface Row<Name extends string> {
  readonly name: Name;
  readonly what: string;
  readonly unit: string;
  readonly digits: number;
  readonly target?: { readonly text: string; readonly holds: (value: number) => boolean };
}

export const atLeast = (limit: number, text: string) => ({ text, holds: (value: number) => value >= limit });
export const atMost = (limit: number, text: string) => ({ text, holds: (value: number) => value <= limit });

/** For the JSON: cut to three decimals, so that a ratio just below its target does not reach it by rounding. */
export function rounded<F extends object>(figures: F): F {
  return Object.fromEntries(Object.entries(figures).map(([name, value]: [string, number]) => [name, Math.floor(value * 1000) / 1000])) as F;
}

/** A Markdown table, columns padded so that it reads in a terminal too. */
export function table<Name extends string>(rows: readonly Row<Name>[], figures: Readonly<Partial<Record<Name, number>>>): string {
  const head = ['measured', 'value', 'unit', 'target', ''];
  const body = rows.flatMap(({ name, what, unit, digits, target }) => {
    const value = figures[name];
    if (value === undefined) return [];
    const shown = value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
    return [[what, shown, unit, target?.text ?? '', target === undefined ? '' : target.holds(value) ? 'PASS' : 'MISS']];
  });
  const widths = head.map((title, column) => Math.max(title.length, ...body.map((cells) => cells[column]!.length)));
  const line = (cells: readonly string[]): string => `| ${cells.map((cell, column) => (column === 1 ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))).join(' | ')} |`;
  const rule = `|${widths.map((width, column) => (column === 1 ? `${'-'.repeat(width + 1)}:` : '-'.repeat(width + 2))).join('|')}|`;
  return [line(head), rule, ...body.map(line)].join('\n');
}
