import { describe, expect, it } from '@jest/globals';
import { ConfigError, parseConfig, type Environment } from '@countersign/runtime';
import { z } from 'zod';

const SCHEMA = z.object({
  PORT: z.coerce.number().int().min(1).max(65_535),
  DATABASE_URL: z.string().startsWith('postgresql://'),
  LOG_LEVEL: z.enum(['info', 'debug']).default('info'),
  NATS_URLS: z
    .string()
    .transform((list) => list.split(','))
    .optional(),
});
const GOOD = { PORT: '80', DATABASE_URL: 'postgresql://x', NATS_URLS: 'a,b' };

function errorOf(env: Environment, schema: z.ZodObject = SCHEMA): ConfigError {
  try {
    parseConfig(schema, env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

describe('the configuration', () => {
  it('is a frozen value with defaults and conversions', () => {
    const config = parseConfig(SCHEMA, { ...GOOD, HOME: '/root' });
    expect(config).toEqual({ PORT: 80, DATABASE_URL: 'postgresql://x', LOG_LEVEL: 'info', NATS_URLS: ['a', 'b'] });
    expect([Object.isFrozen(config), Object.isFrozen(config.NATS_URLS)]).toEqual([true, true]);
  });

  it('names every bad variable and says what is wrong', () => {
    const error = errorOf({ PORT: '70000', LOG_LEVEL: 'loud' });
    expect(error.code).toBe('BAD_CONFIG');
    expect(error.variables.map(({ name }) => name)).toEqual(['PORT', 'DATABASE_URL', 'LOG_LEVEL']);
    expect(error.message).toBe(
      'bad configuration: PORT is invalid: Too big: expected number to be <=65535; DATABASE_URL is missing; LOG_LEVEL is invalid: Invalid option: expected one of "info"|"debug"',
    );
  });

  it('takes an empty variable for a missing one', () => {
    expect(errorOf({ ...GOOD, DATABASE_URL: '' }).variables).toEqual([{ name: 'DATABASE_URL', problem: 'is missing' }]);
  });

  it('never shows a value, even when the schema quotes it', () => {
    const schema = z.object({ SEED: z.string().refine(() => false, { error: (issue) => `bad seed ${String(issue.input)}` }) });
    const error = errorOf({ SEED: 'SUAHUSH' }, schema);
    expect(error.variables).toEqual([{ name: 'SEED', problem: 'is invalid (custom)' }]);
    expect(JSON.stringify([error.message, error.stack, error])).not.toContain('SUAHUSH');
  });

  it('reports a rule about several variables', () => {
    const schema = z.object({ A: z.string().optional(), B: z.string().optional() }).refine(({ A, B }) => A !== undefined || B !== undefined, { error: 'A or B is needed' });
    expect(errorOf({}, schema).variables).toEqual([{ name: '(configuration)', problem: 'is invalid: A or B is needed' }]);
  });
});
