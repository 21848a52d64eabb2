import 'reflect-metadata';
import { createPrivateKey, randomBytes, webcrypto, X509Certificate as Parsed } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileDurably } from '@countersign/runtime';
import { BasicConstraintsExtension, cryptoProvider, ExtendedKeyUsage, ExtendedKeyUsageExtension, KeyUsageFlags, KeyUsagesExtension, PemConverter, SubjectAlternativeNameExtension, X509Certificate, X509CertificateGenerator } from '@peculiar/x509';
import { isIP } from 'node:net';

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3_650;
/** Browsers refuse longer ones (CA/Browser Forum, 825 days for what no public authority has issued). */
const VALID_DAYS = 365;
const RENEW_DAYS = 30;
const SERIAL_BYTES = 16;
/** Whoever talks to the edge needs it to know it. */
const PUBLIC_MODE = 0o644;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

export type Usage = 'serverAuth' | 'clientAuth';

/** PEM. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

/**
 * The deployment's own authority, for what talks inside it and for an edge that has no certificate of a public one. Its key is used when the
 * deployment is prepared and lies in no container.
 */
export class Authority {
  private constructor(private readonly issuer: X509Certificate, private readonly key: webcrypto.CryptoKey, private readonly nowMs: number) {}

  /** Of `dir`, made there the first time. */
  static async open(dir: string, nowMs: number): Promise<Authority> {
    cryptoProvider.set(webcrypto as unknown as Parameters<typeof cryptoProvider.set>[0]);
    const [certFile, keyFile] = [join(dir, 'ca.crt'), join(dir, 'ca.key')];
    if (!existsSync(certFile) || !existsSync(keyFile)) {
      const made = await makeAuthority(nowMs);
      await writeFileDurably(keyFile, made.key);
      await writeFileDurably(certFile, made.certificate, PUBLIC_MODE);
    }
    const pkcs8 = createPrivateKey(readFileSync(keyFile)).export({ type: 'pkcs8', format: 'der' });
    const key = await webcrypto.subtle.importKey('pkcs8', new Uint8Array(pkcs8), ALGORITHM, false, ['sign']);
    return new Authority(new X509Certificate(readFileSync(certFile, 'utf8')), key, nowMs);
  }

  get certificate(): string {
    return `${this.issuer.toString('pem')}\n`;
  }

  /** For what may serve under these names (DNS names and addresses), or show it as a client, or both. */
  async issue(name: string, hosts: readonly string[], usages: readonly Usage[]): Promise<Issued> {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const certificate = await X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: `CN=${name}`,
      issuer: this.issuer.subject,
      ...validity(this.nowMs, VALID_DAYS),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: this.key,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension(usages.map((usage) => ExtendedKeyUsage[usage])),
        ...(hosts.length > 0 ? [new SubjectAlternativeNameExtension(hosts.map((host) => ({ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }) as const))] : []),
      ],
    });
    return { certificate: `${certificate.toString('pem')}\n`, key: await pemOf(keys.privateKey) };
  }

  /** That a certificate was issued by this authority, for these names. */
  isGood(certFile: string, hosts: readonly string[]): boolean {
    const found = this.#issued(certFile);
    return found !== undefined && hosts.every((host) => (isIP(host) === 0 ? found.checkHost(host) : found.checkIP(host)) !== undefined);
  }

  /** That it is of this authority, and is to be renewed. */
  endsSoon(certFile: string): boolean {
    const found = this.#issued(certFile);
    return found !== undefined && Date.parse(found.validTo) - this.nowMs <= RENEW_DAYS * DAY_MS;
  }

  #issued(certFile: string): Parsed | undefined {
    if (!existsSync(certFile)) return undefined;
    const found = new Parsed(readFileSync(certFile));
    return found.verify(new Parsed(this.issuer.toString('pem')).publicKey) ? found : undefined;
  }
}

async function makeAuthority(nowMs: number): Promise<Issued> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'CN=Countersign deployment',
    ...validity(nowMs, AUTHORITY_DAYS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [new BasicConstraintsExtension(true, 0, true), new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true)],
  });
  return { certificate: `${certificate.toString('pem')}\n`, key: await pemOf(keys.privateKey) };
}

// The clocks of two machines differ: a certificate is valid from the day before.
const validity = (nowMs: number, days: number): { notBefore: Date; notAfter: Date } => ({ notBefore: new Date(nowMs - DAY_MS), notAfter: new Date(nowMs + days * DAY_MS) });
const pemOf = async (key: webcrypto.CryptoKey): Promise<string> => `${PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;

/** Positive, as RFC 5280 §4.1.2.2 wants it. */
function serialNumber(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return bytes.toString('hex');
}
