import type { Logger } from '@countersign/runtime';
import { SecretFault, type SecretFaultCode } from './secret-fault.js';
import { checkReading, type SecretProvider } from './secret-provider.js';
import { Secret } from './secret.js';

const REFRESH_AT_SHARE = 0.8;
/** After a failure the provider is left alone for so long; until then its answer, bad or missing, stands. */
const RETRY_PAUSE_MS = 5_000;
const READ_TIMEOUT_MS = 30_000;

/** With these the provider answered that there is no value for us: going on with the old one would undo a revocation. */
const FINAL: ReadonlySet<SecretFaultCode> = new Set<SecretFaultCode>(['SECRET_NOT_FOUND', 'SECRET_DENIED', 'SECRET_ENV_FORBIDDEN']);

export interface SecretSource {
  readonly provider: SecretProvider;
  readonly location: string;
}

export interface SecretStatus {
  readonly name: string;
  readonly provider: string;
  /** Since the value was read; undefined before the first time. */
  readonly ageMs: number | undefined;
  /** The value is older than it should be, because its provider fails with this. */
  readonly failing: SecretFaultCode | undefined;
  readonly readsDone: number;
  readonly readsFailed: number;
}

export interface HeldSecretOptions {
  readonly name: string;
  readonly source: SecretSource;
  readonly now: () => number;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly cacheMs: number;
  readonly lastGoodMsMax: number;
}

/** One secret: its value, its age, and at most one reading at a time. */
export class HeldSecret {
  private value: { readonly secret: Secret; readonly readAtMs: number } | undefined;
  private failure: { readonly fault: SecretFault; readonly atMs: number } | undefined;
  private reading: Promise<Secret> | undefined;
  private readonly listeners = new Set<(secret: Secret) => void>();
  private readsDone = 0;
  private readsFailed = 0;
  private isWarned = false;
  private told: SecretFault | undefined;

  constructor(private readonly options: HeldSecretOptions) {}

  async get(): Promise<Secret> {
    const ageMs = this.ageMs();
    if (this.value !== undefined && ageMs < this.options.cacheMs) {
      this.refreshAhead();
      return this.value.secret;
    }
    try {
      return await this.refresh();
    } catch (error) {
      return this.lastGood(error as SecretFault);
    }
  }

  /** Throws the failure of a moment ago again, instead of asking a provider that is away for every caller. */
  async refresh(): Promise<Secret> {
    if (this.reading === undefined && this.hasJustFailed()) throw this.failure!.fault;
    this.reading ??= this.read().finally(() => {
      this.reading = undefined;
    });
    return this.reading;
  }

  /** Starts a reading in the background when one is due. */
  refreshAhead(): void {
    if (this.value === undefined || this.ageMs() < this.options.cacheMs * REFRESH_AT_SHARE) return;
    if (this.reading !== undefined || this.hasJustFailed()) return;
    this.refresh().catch((error: unknown) => this.tellFailure(error as SecretFault));
  }

  onRotated(listener: (secret: Secret) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  status(): SecretStatus {
    return {
      name: this.options.name,
      provider: this.options.source.provider.name,
      ageMs: this.value === undefined ? undefined : this.ageMs(),
      failing: this.failure?.fault.code,
      readsDone: this.readsDone,
      readsFailed: this.readsFailed,
    };
  }

  private async read(): Promise<Secret> {
    const { name, source, now, log } = this.options;
    const readAtMs = now();
    try {
      const { value, version, changedAtMs, warning } = checkReading(await inTime(source.provider.read(source.location)));
      const secret = new Secret({ name, provider: source.provider.name, version, changedAtMs }, value);
      if (warning !== undefined && !this.isWarned) log.warn({ secretName: name, provider: source.provider.name }, `secret ${name}: ${warning}`);
      this.isWarned ||= warning !== undefined;
      this.readsDone += 1;
      this.failure = undefined;
      this.take(secret, readAtMs);
      return secret;
    } catch (error) {
      const fault = new SecretFault(error instanceof SecretFault ? error.code : 'SECRET_PROVIDER_UNAVAILABLE', `${name} ${error instanceof SecretFault ? error.message : 'cannot be read'}`);
      this.readsFailed += 1;
      this.failure = { fault, atMs: now() };
      throw fault;
    }
  }

  private take(secret: Secret, readAtMs: number): void {
    const before = this.value?.secret;
    this.value = { secret, readAtMs };
    if (before === undefined || before.hasSameValue(secret)) return;
    const { name, log } = this.options;
    log.info({ secretName: name, provider: secret.origin.provider, version: secret.origin.version }, 'secret rotated: the new value is used from now on');
    for (const listener of [...this.listeners]) {
      try {
        listener(secret);
      } catch (error) {
        log.warn({ secretName: name, err: error }, 'a user of the secret did not take the new value');
      }
    }
  }

  private lastGood(fault: SecretFault): Secret {
    const isTooOld = this.ageMs() >= this.options.cacheMs + this.options.lastGoodMsMax;
    if (this.value === undefined || isTooOld || FINAL.has(fault.code)) throw fault;
    this.tellFailure(fault);
    return this.value.secret;
  }

  /** Once a failed reading, not once a caller. */
  private tellFailure(fault: SecretFault): void {
    if (this.told === fault) return;
    this.told = fault;
    const { name, source, log } = this.options;
    log.warn({ secretName: name, provider: source.provider.name, code: fault.code, ageMs: this.ageMs() }, 'secret not refreshed: the last good value is used');
  }

  private ageMs(): number {
    return this.value === undefined ? Number.POSITIVE_INFINITY : this.options.now() - this.value.readAtMs;
  }

  private hasJustFailed(): boolean {
    return this.failure !== undefined && this.options.now() - this.failure.atMs < RETRY_PAUSE_MS;
  }
}

/** A provider that hangs must not hang whoever waits for the one reading. */
async function inTime<T>(reading: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new SecretFault('SECRET_PROVIDER_UNAVAILABLE', `was not handed out in ${READ_TIMEOUT_MS} ms`)), READ_TIMEOUT_MS);
  });
  try {
    return await Promise.race([reading, late]);
  } finally {
    clearTimeout(timer);
  }
}
