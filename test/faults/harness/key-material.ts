import { createDecipheriv } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Canaries } from '@countersign/devstack';
import { fieldKey, unwrapKey, type FieldKey } from '@countersign/envelope';
import { SealedFile } from '@countersign/sealed-file';
import { asked } from './audit-keys.js';
import type { Stand } from './stand.js';

const SUBJECT_KEYS_MAX = 50;
const SIGNING_SEED_BYTES = 32;
const SECRET_FILES = [/^secrets\/roles\//, /^keys-service\/roles\//, /^nats\/.*\.nk$/, /^nats\/store\.key$/, /^postgres\/superuser\.password$/, /^keys\/.*\.key$/, /^spool-[^/]*\.key$/];

interface KeyVersion {
  readonly key_id: string;
  readonly tenant: string;
  readonly purpose: string;
  readonly wrapped: string;
  readonly wrapped_by: string;
}

/** The root key of a sealed file without passphrase, read by nobody's code but this file's. */
class Root {
  private constructor(
    /** By version. */
    readonly keys: ReadonlyMap<number, Buffer>,
  ) {}

  static async open(dir: string): Promise<Root> {
    const newest = readdirSync(dir).filter((name) => name.startsWith('root-key.')).sort().at(-1)!;
    const { content } = await SealedFile.open<{ versions: { version: number; key: string }[] }>({ path: join(dir, newest), keyPath: join(dir, 'sealing.key') });
    return new Root(new Map(content!.versions.map(({ version, key }) => [version, Buffer.from(key, 'base64')])));
  }

  /** `r1:file:<id>_<version>:<iv>:<tag>:<ciphertext>` */
  unwrap(use: 'tenant-key' | 'epoch-key', owner: string, keyId: string, text: string): Buffer {
    const [, , id, ...parts] = text.split(':') as [string, string, string, ...string[]];
    const [iv, tag, ciphertext] = parts.map((part) => Buffer.from(part, 'base64url')) as [Buffer, Buffer, Buffer];
    const decipher = createDecipheriv('aes-256-gcm', this.keys.get(Number(id.split('_').at(-1)))!, iv, { authTagLength: 16 });
    const context = ['countersign.root-key.r1', use, owner, keyId].flatMap((field) => [uint32(Buffer.byteLength(field)), Buffer.from(field)]);
    decipher.setAAD(Buffer.concat([Buffer.from(`${id}\n`), ...context]));
    decipher.setAuthTag(tag);
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/**
 * Every kind of key in the clear, opened as only somebody can who has the root key and both databases: root, epoch, tenant,
 * data, index and signing keys, some subjects' keys, and those of the producers' spools. By names that tell what was found.
 */
export async function keyMaterial(stand: Stand): Promise<Canaries> {
  if (stand.keys === undefined) throw new Error('there is no key service');
  const root = await Root.open(join(stand.keys.folder, 'root'));
  const found: Record<string, Uint8Array> = {};
  for (const [version, bytes] of root.keys) found[`root key ${version}`] = bytes;
  const { rows } = await asked(stand, 'keys', (client) => client.query<KeyVersion>('SELECT key_id, tenant, purpose, wrapped, wrapped_by FROM key_versions WHERE wrapped IS NOT NULL'));
  const tenantKeys = new Map<string, FieldKey>();
  for (const { key_id: keyId, tenant, wrapped } of rows.filter(({ purpose }) => purpose === 'tenant')) {
    const bytes = root.unwrap('tenant-key', tenant, keyId, wrapped);
    tenantKeys.set(keyId, fieldKey({ keyId, bytes }));
    found[`tenant key ${keyId}`] = bytes;
  }
  for (const { key_id: keyId, tenant, purpose, wrapped, wrapped_by: by } of rows.filter((row) => row.purpose !== 'tenant')) {
    const bytes = unwrapKey(tenantKeys.get(by)!, { tenant, purpose, keyId }, wrapped);
    for (let at = 0; at < bytes.length; at += SIGNING_SEED_BYTES) found[`${purpose} ${keyId}${at === 0 ? '' : ' second half'}`] = bytes.subarray(at, at + SIGNING_SEED_BYTES);
  }
  const epochs = epochKeys(stand.keys.folder, root);
  for (const [keyId, bytes] of epochs) found[`epoch key ${keyId}`] = bytes;
  return { ...found, ...(await subjectKeys(stand, tenantKeys, epochs)), ...(await spoolKeys(stand)) };
}

async function spoolKeys(stand: Stand): Promise<Record<string, Uint8Array>> {
  const found: Record<string, Uint8Array> = {};
  for (const name of readdirSync(stand.folder).filter((one) => /^spool-[^.]*$/.test(one))) {
    const spool = join(stand.folder, name);
    const { content } = await SealedFile.open<{ key: string }>({ path: join(spool, 'key.sealed'), keyPath: `${spool}.key` });
    found[`spool key ${name}`] = Buffer.from(content!.key, 'base64');
  }
  return found;
}

function epochKeys(folder: string, root: Root): Map<string, Buffer> {
  const keys = new Map<string, Buffer>();
  // Other names are files that are still being written: an epoch may roll at any time.
  for (const name of readdirSync(join(folder, 'epochs/keys')).filter((one) => one.endsWith('.key'))) {
    const { keyId, wrapped } = JSON.parse(readFileSync(join(folder, 'epochs/keys', name), 'utf8')) as { keyId: string; wrapped: string };
    keys.set(keyId, root.unwrap('epoch-key', 'keys_subjects', keyId, wrapped));
  }
  return keys;
}

async function subjectKeys(stand: Stand, tenantKeys: ReadonlyMap<string, FieldKey>, epochs: ReadonlyMap<string, Buffer>): Promise<Record<string, Uint8Array>> {
  const { rows } = await asked(stand, 'keys_subjects', (client) =>
    client.query<{ tenant: string; key_id: string; wrapped: string }>('SELECT tenant, key_id, wrapped FROM subject_keys WHERE wrapped IS NOT NULL ORDER BY key_id LIMIT $1', [SUBJECT_KEYS_MAX]),
  );
  return Object.fromEntries(
    rows.map(({ tenant, key_id: keyId, wrapped }) => {
      const outer = wrapped.split(':')[1]!;
      const inner = unwrapKey(fieldKey({ keyId: outer, bytes: epochs.get(outer)! }), { tenant, purpose: 'keys.epoch', keyId }, wrapped).toString();
      return [`subject key ${keyId}`, unwrapKey(tenantKeys.get(inner.split(':')[1]!)!, { tenant, purpose: 'personal', keyId }, inner)];
    }),
  );
}

/** Passwords, seeds and keys of the servers, as their own files hold them. */
export function secrets(stand: Stand): Canaries {
  const files = readdirSync(stand.folder, { recursive: true }).map(String).filter((file) => SECRET_FILES.some((secret) => secret.test(file)));
  return Object.fromEntries(
    files.map((file) => {
      const content = readFileSync(join(stand.folder, file));
      const text = content.toString('utf8').trim();
      // A file of raw bytes is a key as it is.
      return [`secret ${file}`, Buffer.from(text).equals(content) || content.at(-1) === 0x0a ? text : content];
    }),
  );
}
