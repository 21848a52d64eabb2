import 'reflect-metadata';
import { webcrypto, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectBus, publishIntake, type BusOptions } from '@countersign/bus';
import { startNats, type NatsServer } from '@countersign/devstack';
import { createRegistry, registerBusMetrics } from '@countersign/runtime';
import { createUser } from '@nats-io/nkeys';
import { cryptoProvider, ExtendedKeyUsage, ExtendedKeyUsageExtension, PemConverter, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

let dir: string;
let nats: NatsServer;

/** For `localhost`, which the client of NATS takes for the name of an address. A certificate that is its own authority, for both sides, laid out as a deployment mounts it. */
async function certificateIn(folder: string, hours = 1): Promise<string> {
  cryptoProvider.set(webcrypto as unknown as Parameters<typeof cryptoProvider.set>[0]);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${folder.split('/').at(-1)!}`,
    notBefore: new Date(Date.now() - 3_600_000),
    notAfter: new Date(Date.now() + hours * 3_600_000),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]), new SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }])],
  });
  await mkdir(folder, { recursive: true });
  for (const name of ['ca.crt', 'tls.crt']) await writeFile(join(folder, name), certificate.toString('pem'));
  await writeFile(join(folder, 'tls.key'), PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY'));
  return folder;
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'countersign-tls-'));
  nats = await startNats({ dir: join(dir, 'nats'), tlsDir: await certificateIn(join(dir, 'own')) });
  await certificateIn(join(dir, 'stranger'));
});
afterAll(async () => {
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});

const connecting = (change: Partial<BusOptions>) => connectBus({ url: nats.url, nkeySeedFile: nats.users.keys, name: 'keys', firstConnectLimitMs: 300, ...change });
const file = (folder: string, name: string): string => join(dir, folder, name);

describe('a bus with TLS', () => {
  it('lets in who shows a certificate of its authority, and a key that it knows', async () => {
    const bus = await connecting({ tlsDir: join(dir, 'own') });
    expect(await publishIntake(bus, 'intake.keys.acme', 'event', { timeoutMs: 5_000 })).toEqual({ stream: 'INTAKE', sequence: 1 });
    await bus.close();
  });

  it('tells when the first of its certificates ends, as they lie there now', async () => {
    const folder = await certificateIn(join(dir, 'renewed'));
    for (const name of ['ca.crt', 'tls.crt', 'tls.key']) await copyFile(file('own', name), join(folder, name));
    const bus = await connecting({ tlsDir: folder });
    const registry = createRegistry({ service: 'keys', processMetrics: false });
    registerBusMetrics(registry, bus);
    const end = async (): Promise<number> => Number(/^countersign_bus_certificate_end_timestamp_seconds\{service="keys"\} (\S+)$/m.exec(await registry.metrics())?.[1]);
    const ends = (name: string): number => Date.parse(new X509Certificate(readFileSync(join(folder, name))).validTo) / 1_000;
    expect(await end()).toBe(ends('tls.crt'));
    await certificateIn(folder, 2);
    expect(await end()).toBe(ends('tls.crt'));
    await copyFile(file('own', 'ca.crt'), join(folder, 'ca.crt'));
    expect(await end()).toBe(ends('ca.crt'));
    await rm(join(folder, 'tls.crt'));
    expect(await end()).toBe(0);
    await bus.close();
  });

  it('lets nobody else in', async () => {
    const own = { caFile: file('own', 'ca.crt'), certFile: file('own', 'tls.crt'), keyFile: file('own', 'tls.key') };
    const strangers: Readonly<Record<string, Partial<BusOptions>>> = {
      'shows no certificate': { tls: { caFile: own.caFile } },
      'shows one of another authority': { tls: { ...own, certFile: file('stranger', 'tls.crt'), keyFile: file('stranger', 'tls.key') } },
      'trusts another authority than that of the server': { tls: { ...own, caFile: file('stranger', 'ca.crt') } },
      'speaks without TLS': {},
    };
    const codes = await Promise.all(Object.entries(strangers).map(async ([who, change]) => [who, await connecting(change).then(() => 'let in', (error: { code: string }) => error.code)]));
    expect(codes).toEqual(Object.keys(strangers).map((who) => [who, 'DISCONNECTED']));
  });

  it('lets nobody in whose certificate is good and whose key it does not know', async () => {
    const nkeySeed = new TextDecoder().decode(createUser().getSeed());
    await expect(connecting({ tlsDir: join(dir, 'own'), nkeySeedFile: undefined, nkeySeed })).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  });
});
