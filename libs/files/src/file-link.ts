import { createHmac, timingSafeEqual } from 'node:crypto';
import { FilesFault } from './fault.js';

/** The signed end of a URL by which one file is handed out for some minutes: `<file>.<until>.<key version>.<signature>`. */

const DOMAIN = 'countersign.file-link.v1';
const TOKEN = /^([A-Za-z0-9_-]{1,64})\.([1-9]\d{0,11})\.([1-9]\d{0,8})\.([A-Za-z0-9_-]{43})$/;
/** Longer than any token. */
export const FILE_LINK_CHARS_MAX = 140;

export interface LinkKey {
  readonly version: number;
  readonly bytes: Buffer;
}

export interface FileLink {
  readonly fileId: string;
  /** Unix time from which it is good for nothing. */
  readonly untilSeconds: number;
  /** Of the key that signed it. */
  readonly keyVersion: number;
}

export function signLink(key: LinkKey, fileId: string, untilSeconds: number): string {
  return `${fileId}.${untilSeconds}.${key.version}.${macOf(key, fileId, untilSeconds).toString('base64url')}`;
}

/** What the link says; nothing of it is believed before {@link checkLink}. Throws FILE_LINK_INVALID. */
export function readLink(token: string): FileLink {
  const [, fileId = '', until, version] = TOKEN.exec(token) ?? fail();
  return { fileId, untilSeconds: Number(until), keyVersion: Number(version) };
}

/** Throws FILE_LINK_INVALID, FILE_LINK_EXPIRED. */
export function checkLink(key: LinkKey, token: string, nowMs: number): FileLink {
  const link = readLink(token);
  const given = Buffer.from(TOKEN.exec(token)![4]!, 'base64url');
  if (link.keyVersion !== key.version || !timingSafeEqual(given, macOf(key, link.fileId, link.untilSeconds))) fail();
  if (nowMs >= link.untilSeconds * 1_000) throw new FilesFault('FILE_LINK_EXPIRED', 'the link has ended: ask for another');
  return link;
}

function macOf({ version, bytes }: LinkKey, fileId: string, untilSeconds: number): Buffer {
  return createHmac('sha256', bytes).update(`${DOMAIN}\n${version}\n${fileId}\n${untilSeconds}`).digest();
}

function fail(): never {
  throw new FilesFault('FILE_LINK_INVALID', 'the link is not one of ours');
}
