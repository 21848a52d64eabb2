import { describe, expect, it } from '@jest/globals';
import { busOf } from '../src/target.js';

describe('the bus of a command', () => {
  const env = { COUNTERSIGN_NATS_URL: 'tls://nats.example.com:4222', COUNTERSIGN_NATS_SEED_FILE: '/run/seed.nk', COUNTERSIGN_NATS_TLS_DIR: '/run/tls' };

  it('is that of the environment, with the certificate of whoever asks', () => {
    expect(busOf({}, env, '/')).toEqual({ url: 'tls://nats.example.com:4222', nkeySeedFile: '/run/seed.nk', tlsDir: '/run/tls' });
  });

  it('is that of the options before, and asks for no key where none is given', () => {
    expect(busOf({ natsUrl: 'nats://127.0.0.1:4222' }, {}, '/')).toEqual({ url: 'nats://127.0.0.1:4222' });
    expect(busOf({ natsUrl: 'nats://127.0.0.1:4222', natsSeed: '/a.nk' }, env, '/')).toMatchObject({ url: 'nats://127.0.0.1:4222', nkeySeedFile: '/a.nk' });
  });
});
