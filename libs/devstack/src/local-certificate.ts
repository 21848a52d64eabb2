import 'reflect-metadata';
import { webcrypto, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably } from '@countersign/runtime';
import { BasicConstraintsExtension, cryptoProvider, ExtendedKeyUsage, ExtendedKeyUsageExtension, KeyUsageFlags, KeyUsagesExtension, PemConverter, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';

const DAY_MS = 86_400_000;
/** Browsers refuse longer ones (CA/Browser Forum, 825 days for what no public authority has issued). */
const VALID_DAYS = 365;
const RENEW_DAYS = 30;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

export interface LocalCertificate {
  /** PEM files. */
  readonly certFile: string;
  readonly keyFile: string;
}

/**
 * A certificate of nobody's but this machine's, for `localhost` or other names, 127.0.0.1 and ::1, made once and again before it ends.
 * Clients must be given it to trust (RFC 5280; no authority vouches for it).
 */
export async function localCertificate(dir: string, nowMs: number = Date.now(), names: readonly string[] = ['localhost']): Promise<LocalCertificate> {
  const files = { certFile: join(dir, 'certificate.pem'), keyFile: join(dir, 'certificate-key.pem') };
  if (existsSync(files.certFile) && existsSync(files.keyFile) && endsAtMs(files.certFile) - nowMs > RENEW_DAYS * DAY_MS) return files;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  cryptoProvider.set(webcrypto as unknown as Parameters<typeof cryptoProvider.set>[0]);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=Countersign local stack',
    notBefore: new Date(nowMs - DAY_MS),
    notAfter: new Date(nowMs + VALID_DAYS * DAY_MS),
    signingAlgorithm: ALGORITHM,
    keys: keys,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([...names.map((value) => ({ type: 'dns' as const, value })), { type: 'ip', value: '127.0.0.1' }, { type: 'ip', value: '::1' }]),
    ],
  });
  const key = PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
  await writeFileDurably(files.keyFile, `${key}\n`);
  await writeFileDurably(files.certFile, `${certificate.toString('pem')}\n`);
  return files;
}

const endsAtMs = (certFile: string): number => Date.parse(new X509Certificate(readFileSync(certFile)).validTo);
