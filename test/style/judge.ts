// All style rules together.
import { commentWords, foreignWords, hollowTests } from './honesty-rules.js';
import { loneImports, clockOrDice, strayDecorators } from './purity-rules.js';
import { emptyNames, fileName, longFile, longFunctions } from './size-and-name-rules.js';
import type { Finding, Source, TextFile } from './sources.js';

const SOURCE_RULES = [longFunctions, longFile, fileName, emptyNames, loneImports, clockOrDice, strayDecorators, commentWords, hollowTests];

export function judgeSource(source: Source): Finding[] {
  return SOURCE_RULES.flatMap((rule) => rule(source));
}

export function judgeText(file: TextFile): Finding[] {
  return foreignWords(file);
}
