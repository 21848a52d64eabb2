import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { createRegistry } from '@countersign/runtime';
import { openSecrets, registerSecretMetrics, SecretFault, type SecretFaultCode, type SecretProvider, type SecretReading, type Secrets } from '../src/index.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** A provider whose answers the test decides. */
class Desk implements SecretProvider {
  readonly name = 'vault';
  /** A value, or the code of a refusal. */
  value: string | Promise<SecretReading> = 'first';
  reads = 0;

  async read(): Promise<SecretReading> {
    this.reads += 1;
    if (typeof this.value !== 'string') return this.value;
    if (this.value.startsWith('SECRET_')) throw new SecretFault(this.value as SecretFaultCode, 'is refused by the test');
    return { value: Buffer.from(this.value), version: String(this.reads) };
  }

  close(): void {
    this.value = 'closed';
  }
}

interface Stand {
  readonly desk: Desk;
  readonly secrets: Secrets;
  readonly logged: { readonly level: string; readonly fields: Readonly<Record<string, unknown>>; readonly text: string }[];
  /** Lets time pass. */
  readonly pass: (ms: number) => void;
}

function open(tickMs = 0): Stand {
  const desk = new Desk();
  const logged: { level: string; fields: Readonly<Record<string, unknown>>; text: string }[] = [];
  const write = (level: string) => (fields: unknown, text?: string) => void logged.push({ level, fields: fields as Record<string, unknown>, text: text ?? '' });
  let nowMs = 0;
  const secrets = openSecrets({
    sources: { DB: { provider: desk, location: 'db' } },
    now: () => nowMs,
    tickMs,
    log: { info: write('info'), warn: write('warn') } as Parameters<typeof openSecrets>[0]['log'],
  });
  return { desk, secrets, logged, pass: (ms) => void (nowMs += ms) };
}

const textOf = async (secrets: Secrets): Promise<string> => (await secrets.get('DB')).text();
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('the cache of secrets', () => {
  it('reads once for callers that come together, and not again within four minutes', async () => {
    const { desk, secrets, pass } = open();
    expect(await Promise.all([1, 2, 3].map(() => textOf(secrets)))).toEqual(['first', 'first', 'first']);
    pass(4 * MINUTE_MS - 1);
    await textOf(secrets);
    expect(desk.reads).toBe(1);
  });

  it('reads again in the background from four minutes on, while callers get the value at once', async () => {
    const { desk, secrets, pass } = open();
    await textOf(secrets);
    desk.value = 'second';
    pass(4 * MINUTE_MS);
    expect(await textOf(secrets)).toBe('first');
    await settled();
    expect([await textOf(secrets), desk.reads]).toEqual(['second', 2]);
  });

  it('never hands out a value older than five minutes while its provider answers', async () => {
    const { desk, secrets, pass } = open();
    await textOf(secrets);
    desk.value = 'second';
    pass(5 * MINUTE_MS);
    expect(await textOf(secrets)).toBe('second');
  });

  it('reads due values without being asked', async () => {
    const { desk, secrets, pass } = open(5);
    await textOf(secrets);
    const seen: string[] = [];
    secrets.onRotated('DB', (secret) => void seen.push(secret.text()));
    desk.value = 'second';
    pass(4 * MINUTE_MS);
    await new Promise((resolve) => void setTimeout(resolve, 50));
    secrets.close();
    expect(seen).toEqual(['second']);
  });

  it.each(['SECRET_PROVIDER_UNAVAILABLE', 'SECRET_MALFORMED', 'SECRET_TOO_LARGE'] as const)('goes on with the last good value while %s, and says so once a reading', async (code) => {
    const { desk, secrets, logged, pass } = open();
    await textOf(secrets);
    desk.value = code;
    pass(5 * MINUTE_MS);
    expect(await Promise.all([textOf(secrets), textOf(secrets)])).toEqual(['first', 'first']);
    expect(logged).toMatchObject([{ level: 'warn', fields: { secretName: 'DB', code, ageMs: 5 * MINUTE_MS }, text: expect.stringContaining('last good') }]);
    expect(secrets.status()).toMatchObject([{ name: 'DB', ageMs: 5 * MINUTE_MS, failing: code, readsDone: 1, readsFailed: 1 }]);
    desk.value = 'second';
    pass(5_000);
    expect([await textOf(secrets), secrets.status()[0]?.failing]).toEqual(['second', undefined]);
  });

  it('does not ask a provider that just failed for every caller', async () => {
    const { desk, secrets, pass } = open();
    desk.value = 'SECRET_PROVIDER_UNAVAILABLE';
    for (let i = 0; i < 10; i += 1) await expect(textOf(secrets)).rejects.toMatchObject({ code: 'SECRET_PROVIDER_UNAVAILABLE' });
    expect(desk.reads).toBe(1);
    desk.value = 'first';
    pass(5_000);
    expect(await textOf(secrets)).toBe('first');
  });

  it('ends the last good value after a day', async () => {
    const { desk, secrets, pass } = open();
    await textOf(secrets);
    desk.value = 'SECRET_PROVIDER_UNAVAILABLE';
    pass(24 * HOUR_MS + 5 * MINUTE_MS - 1);
    expect(await textOf(secrets)).toBe('first');
    pass(1);
    await expect(textOf(secrets)).rejects.toMatchObject({ code: 'SECRET_PROVIDER_UNAVAILABLE' });
  });

  it.each(['SECRET_NOT_FOUND', 'SECRET_DENIED', 'SECRET_ENV_FORBIDDEN'] as const)('ends a value with its time when the provider says %s: it was taken away', async (code) => {
    const { desk, secrets, pass } = open();
    await textOf(secrets);
    desk.value = code;
    pass(4 * MINUTE_MS);
    expect(await textOf(secrets)).toBe('first');
    await settled();
    pass(MINUTE_MS);
    await expect(textOf(secrets)).rejects.toMatchObject({ code });
  });

  it('reads at once for one who was refused with the old value', async () => {
    const { desk, secrets } = open();
    await textOf(secrets);
    desk.value = 'second';
    expect((await secrets.refresh('DB')).text()).toBe('second');
    expect(await textOf(secrets)).toBe('second');
  });

  it('tells subscribers of new values only, until they go, and outlives one that throws', async () => {
    const { desk, secrets, logged } = open();
    const seen: string[] = [];
    secrets.onRotated('DB', () => {
      throw new Error('the pool is closed');
    });
    const leave = secrets.onRotated('DB', (secret) => void seen.push(secret.text()));
    for (const value of ['first', 'first', 'second', 'second', 'third']) {
      desk.value = value;
      await secrets.refresh('DB');
    }
    leave();
    desk.value = 'fourth';
    await secrets.refresh('DB');
    expect(seen).toEqual(['second', 'third']);
    expect(logged.filter(({ level }) => level === 'warn')).toHaveLength(3);
    expect(JSON.stringify(logged)).not.toMatch(/first|second|third/);
  });

  it('does not know a secret that is not configured', async () => {
    const { secrets } = open();
    await expect(secrets.get('OTHER')).rejects.toMatchObject({ code: 'SECRET_NOT_FOUND' });
    await expect(secrets.refresh('OTHER')).rejects.toMatchObject({ code: 'SECRET_NOT_FOUND' });
    expect(() => secrets.onRotated('OTHER', () => undefined)).toThrow(expect.objectContaining({ code: 'SECRET_NOT_FOUND' }));
  });

  it('measures ages and failures', async () => {
    const { desk, secrets, pass } = open();
    const registry = createRegistry({ service: 'test', processMetrics: false });
    registerSecretMetrics(registry, secrets);
    await textOf(secrets);
    desk.value = 'SECRET_PROVIDER_UNAVAILABLE';
    pass(HOUR_MS);
    await textOf(secrets);
    const text = await registry.metrics();
    expect(text).toContain('countersign_secret_age_seconds{name="DB",provider="vault",service="test"} 3600');
    expect(text).toContain('countersign_secret_failing{name="DB",provider="vault",service="test"} 1');
    expect(text).toContain('countersign_secret_reads_total{name="DB",provider="vault",outcome="failed",service="test"} 1');
    expect(text).not.toContain('first');
  });
});

describe('a secret', () => {
  it('shows its value to nobody who does not ask by name', async () => {
    const { desk, secrets } = open();
    desk.value = 'c4n4ry';
    const secret = await secrets.get('DB');
    const shown = [String(secret), `${secret.toString()}`, JSON.stringify({ secret }), inspect(secret), inspect({ deep: [secret] }, { showHidden: true, depth: 9 }), Object.values(secret), JSON.stringify(Object.entries(secret))];
    expect(shown.join()).not.toContain('c4n4ry');
    expect(shown.join()).not.toContain(Buffer.from('c4n4ry').toString('hex'));
    expect(shown[0]).toBe('[secret DB]');
    secret.bytes().fill(0);
    expect(secret.text()).toBe('c4n4ry');
  });

  it('that is no text is malformed as text', async () => {
    const { desk, secrets } = open();
    desk.value = Promise.resolve({ value: Buffer.from([0xff, 0xfe]) });
    const secret = await secrets.get('DB');
    expect(() => secret.text()).toThrow(expect.objectContaining({ code: 'SECRET_MALFORMED' }));
    expect(secret.bytes()).toEqual(Buffer.from([0xff, 0xfe]));
  });
});
