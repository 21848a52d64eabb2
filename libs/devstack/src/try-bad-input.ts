import { badInputs, type BadInput } from './bad-input.js';
import type { Browser, BrowserAnswer } from './browser.js';
import { nameOf, type ApiRoute } from './open-api.js';
import { drawn, seeded } from './seeded.js';

const ANSWER_MS_MAX = 10_000;
/** What such a route says in its own words. */
const OWN_CODES: ReadonlySet<string> = new Set(['REQUEST_INVALID', 'BODY_TOO_DEEP']);

export interface BadInputRun {
  readonly routes: readonly ApiRoute[];
  /** Who asks: somebody who may. */
  readonly browserFor: (route: ApiRoute) => Pick<Browser, 'ask'>;
  /** Of the path's parameters: something that is there. */
  readonly values: Readonly<Record<string, string>>;
  /** A body that is taken, of routes that judge it themselves, by codes of their own. */
  readonly wholeOf?: (route: ApiRoute) => Readonly<Record<string, unknown>> | undefined;
  readonly casesEach: number;
  readonly seed: number;
}

/** Sends bad input to each route, and tells what was answered wrongly, each with what replays it. Undefined behaviour of one route hides no other. */
export async function tryBadInput({ routes, browserFor, values, wholeOf, casesEach, seed }: BadInputRun): Promise<{ readonly sent: number; readonly wrong: string[] }> {
  const wrong: string[] = [];
  let sent = 0;
  for (const route of routes) {
    const whole = wholeOf?.(route);
    const all = badInputs(route, values, whole).map((one) => (whole === undefined || !OWN_CODES.has(one.code ?? '') ? one : { ...one, code: undefined }));
    const cases = drawn(all, casesEach, seeded(seed ^ hashOf(nameOf(route))));
    for (const one of cases) {
      sent += 1;
      const why = await judge(browserFor(route), one);
      if (why !== undefined) wrong.push(`${one.route}, ${one.what} (seed ${String(seed)}): ${why}`);
    }
  }
  return { sent, wrong };
}

async function judge(browser: Pick<Browser, 'ask'>, { method, path, body, headers, code, field, mayPass }: BadInput): Promise<string | undefined> {
  const startMs = performance.now();
  let answer: BrowserAnswer;
  try {
    answer = await browser.ask(method, path, { ...(body === undefined ? {} : { body }), ...(headers === undefined ? {} : { headers }) });
  } catch (error) {
    return String(error);
  }
  if (performance.now() - startMs > ANSWER_MS_MAX) return `took over ${String(ANSWER_MS_MAX)} ms`;
  const { status, json, text } = answer;
  const came = `${String(status)} ${text.slice(0, 160)}`;
  if (status >= 500) return came;
  if (status < 400) return mayPass === true ? undefined : `was taken: ${came}`;
  const isProblem = /^application\/problem\+json\b/.test(String(answer.headers['content-type'])) && typeof json.code === 'string' && json['status'] === status;
  if (!isProblem) return `no problem: ${came}`;
  if (code !== undefined && json.code !== code) return `not ${code}: ${came}`;
  if (field !== undefined && json.field !== field && json.field?.startsWith(`${field}.`) !== true) return `does not name ${field}: ${came}`;
  return undefined;
}

function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}
