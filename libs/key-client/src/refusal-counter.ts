import { REFUSAL_KINDS_MAX, tenantSchema, type FieldRefusalCode } from '@countersign/contracts';
import { EnvelopeFault } from '@countersign/envelope';
import type { KeyClient } from './key-client.js';

/** A field that was moved or altered is a sign of somebody at work: it does not wait for the report of uses. */
const REPORT_AFTER_MS = 1_000;
/** After a report that was not taken. */
const RETRY_AFTER_MS = 10_000;

interface Refused {
  /** Absent where more kinds came than are told apart, and where a caller's is no tenant at all. */
  readonly tenant?: string;
  readonly keyId?: string;
  readonly code: FieldRefusalCode;
}

/** Counts what this process refuses itself with cached keys, and reports it, so that it is in the audit (as a sum). */
export class RefusalCounter {
  #pending = new Map<string, { readonly refused: Refused; count: number }>();
  #since: string;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #reporting: Promise<void> = Promise.resolve();

  constructor(
    private readonly client: KeyClient,
    private readonly nowIso: () => string,
    private readonly onError: (error: unknown) => void,
  ) {
    this.#since = nowIso();
  }

  /** Counts an EnvelopeFault; of other errors whoever made them knows. */
  count(error: unknown, tenant: string, keyId: string | undefined): void {
    if (!(error instanceof EnvelopeFault)) return;
    // A report that the key service takes for malformed would never be taken, nor what is counted after it.
    this.#add({ ...(tenantSchema.safeParse(tenant).success ? { tenant } : {}), ...(keyId === undefined ? {} : { keyId }), code: error.code }, 1);
    this.#reportIn(REPORT_AFTER_MS);
  }

  /** Reports now. What cannot be reported stays and is reported later. */
  report(): Promise<void> {
    // One after the other: what an earlier report could not bring is in this one.
    this.#reporting = this.#reporting.catch(() => undefined).then(() => this.#send());
    return this.#reporting;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.report();
  }

  async #send(): Promise<void> {
    const counted = [...this.#pending.values()];
    if (counted.length === 0) return;
    const since = this.#since;
    this.#pending = new Map();
    this.#since = this.nowIso();
    try {
      await this.client.ask('report-refusals', { since, refusals: counted.map(({ refused, count }) => ({ ...refused, count })) });
    } catch (error) {
      for (const { refused, count } of counted) this.#add(refused, count);
      this.#since = since;
      this.#reportIn(RETRY_AFTER_MS);
      throw error;
    }
  }

  #add(refused: Refused, count: number): void {
    const kind = JSON.stringify([refused.tenant, refused.keyId, refused.code]);
    const known = this.#pending.get(kind);
    if (known !== undefined) known.count += count;
    // Room is left for what is counted without its tenant: one kind a code.
    else if ((refused.tenant === undefined && refused.keyId === undefined) || this.#pending.size < REFUSAL_KINDS_MAX / 2) this.#pending.set(kind, { refused, count });
    else this.#add({ code: refused.code }, count);
  }

  #reportIn(ms: number): void {
    if (this.#timer !== undefined || this.#isStopped) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.report().catch(this.onError);
    }, ms);
    this.#timer.unref();
  }
}
