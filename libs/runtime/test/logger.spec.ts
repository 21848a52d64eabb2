import { Writable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { createLogger, createRegistry, withCorrelation, type Logger } from '@countersign/runtime';

function capture(options: { level?: 'info' | 'debug'; redact?: string[] } = {}): { log: Logger; lines: () => Record<string, unknown>[] } {
  let text = '';
  const destination = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  const log = createLogger({ service: 'ledger', level: options.level ?? 'info', redact: options.redact, destination });
  return { log, lines: () => text.trimEnd().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('the log', () => {
  it('is one JSON object a line with time, level and service', () => {
    const { log, lines } = capture();
    log.info({ size: 3 }, 'appended');
    log.debug('not shown');
    expect(lines()).toEqual([{ level: 'info', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/), service: 'ledger', pid: process.pid, size: 3, msg: 'appended' }]);
  });

  it('carries the correlation id on every line of a request', () => {
    const { log, lines } = capture();
    withCorrelation(log, 'c-1').info('one');
    log.info('two');
    expect(lines().map(({ correlationId }) => correlationId)).toEqual(['c-1', undefined]);
  });

  it('shows no more of an error than its name, message, code and stack, causes included', () => {
    const { log, lines } = capture();
    const row = Object.assign(new Error('duplicate key'), { code: '23505', detail: 'Key (email)=(a@b.example)', where: 'COPY entries, line 1' });
    log.error({ err: new Error('append failed', { cause: row }) }, 'failed');
    expect(JSON.stringify(lines())).not.toMatch(/a@b|COPY/);
    expect(lines()[0]!['err']).toMatchObject({ type: 'Error', message: 'append failed', cause: { message: 'duplicate key', code: '23505' } });
  });

  it('hides secrets at the top and two levels down, and what the service adds', () => {
    const { log, lines } = capture({ redact: ['card.number'] });
    log.info({ password: 'hush', user: { token: 'hush' }, request: { headers: { authorization: 'hush', cookie: 'hush' } }, options: { db: { databaseUrl: 'hush' } }, card: { number: 'hush' } });
    expect(JSON.stringify(lines())).not.toContain('hush');
    expect(lines()[0]).toMatchObject({ password: '[redacted]', user: { token: '[redacted]' } });
  });
});

describe('metrics', () => {
  it('are labelled with the service and do not collide between services of one process', async () => {
    const [ledger, keys] = [createRegistry({ service: 'ledger' }), createRegistry({ service: 'keys' })];
    expect(await ledger.metrics()).toMatch(/process_resident_memory_bytes\{service="ledger"\} \d+/);
    expect(await keys.metrics()).toContain('service="keys"');
    expect(await createRegistry({ service: 'bare', processMetrics: false }).metrics()).not.toContain('process_');
  });
});
