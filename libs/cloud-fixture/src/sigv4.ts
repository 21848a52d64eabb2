import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import type { Exchange } from './http-server.js';

const SKEW_MS_MAX = 300_000;
const AUTHORIZATION = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/**
 * Checks a request as AWS does (Signature Version 4: canonical request, string to sign, signing key).
 * @returns the error type that AWS answers with, or undefined when the signature holds
 */
export function signatureFault(exchange: Exchange, service: string, region: string, { accessKeyId, secretAccessKey }: Credentials, nowMs: number): string | undefined {
  const match = AUTHORIZATION.exec(exchange.headers.authorization ?? '');
  if (match === null) return 'MissingAuthenticationTokenException';
  const [, id, day, inRegion, forService, signedHeaders, signature] = match as unknown as string[];
  if (id !== accessKeyId) return 'UnrecognizedClientException';
  if (inRegion !== region || forService !== service) return 'InvalidSignatureException';
  const time = headerOf(exchange, 'x-amz-date');
  const at = Date.parse(time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (!time.startsWith(day!) || !(Math.abs(nowMs - at) < SKEW_MS_MAX)) return 'InvalidSignatureException';
  const names = signedHeaders!.split(';');
  // What is not signed could be changed on the way.
  if (['host', 'x-amz-date', 'x-amz-target'].some((name) => !names.includes(name))) return 'InvalidSignatureException';
  const canonical = [
    exchange.method,
    exchange.path,
    '',
    ...names.map((name) => `${name}:${headerOf(exchange, name).trim().replace(/ +/g, ' ')}`),
    '',
    signedHeaders,
    hash('sha256', exchange.body, 'hex'),
  ].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', time, scope, hash('sha256', canonical, 'hex')].join('\n');
  const key = [region, service, 'aws4_request'].reduce<Buffer>((from, part) => hmac(from, part), hmac(`AWS4${secretAccessKey}`, day!));
  return timingSafeEqual(hmac(key, toSign), Buffer.from(signature!, 'hex')) ? undefined : 'InvalidSignatureException';
}

function headerOf({ headers }: Exchange, name: string): string {
  const value = headers[name];
  return Array.isArray(value) ? value.join(',') : (value ?? '');
}
