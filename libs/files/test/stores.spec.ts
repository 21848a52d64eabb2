import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startFauxqs, type FauxqsServer } from 'fauxqs';
import { FolderStore, S3Store } from '../src/index.js';
import { storeContract } from './store-contract.js';

const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' };

describe('a local folder', () => {
  const folder = join(mkdtempSync(join(tmpdir(), 'files-')), 'exports');
  afterAll(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

  storeContract(() => new FolderStore(folder), () => readdir(folder), (name) => {
    const left = join(folder, `${name}.4711.1.tmp`);
    writeFileSync(left, 'half of it');
    return () => existsSync(left);
  });

  it('is entered by its owner alone, and so are the files', async () => {
    const store = new FolderStore(folder);
    await store.put('mine', (async function* () { yield Buffer.from('x'); })());
    expect([statSync(folder).mode & 0o777, statSync(join(folder, 'mine')).mode & 0o777]).toEqual([0o700, 0o600]);
  });

  it('that is no folder is FILE_STORE_UNAVAILABLE', async () => {
    const file = join(folder, '..', 'a-file');
    writeFileSync(file, 'x');
    chmodSync(file, 0o600);
    await expect(new FolderStore(file).put('x', (async function* () { yield Buffer.from('x'); })())).rejects.toMatchObject({ code: 'FILE_STORE_UNAVAILABLE' });
    await expect(new FolderStore(file).read('x', 0, 1)).rejects.toMatchObject({ code: 'FILE_STORE_UNAVAILABLE' });
  });
});

describe('a bucket of an S3-compatible store', () => {
  let server: FauxqsServer;
  let client: S3Client;
  const endpoint = (): string => `http://127.0.0.1:${server.port}`;
  const store = (bucket = 'private'): S3Store => new S3Store({ bucket, prefix: 'exports/', region: 'us-east-1', endpoint: endpoint(), credentials: () => CREDENTIALS });

  beforeAll(async () => {
    server = await startFauxqs({ port: 0, logger: false });
    client = new S3Client({ region: 'us-east-1', endpoint: endpoint(), forcePathStyle: true, credentials: CREDENTIALS });
    await client.send(new CreateBucketCommand({ Bucket: 'private' }));
  }, 30_000);
  afterAll(async () => {
    client.destroy();
    await server.stop();
  });

  storeContract(store, async () => ((await client.send(new ListObjectsV2Command({ Bucket: 'private' }))).Contents ?? []).map(({ Key = '' }) => Key.replace('exports/', '')));

  it('that does not exist, or does not answer, is FILE_STORE_UNAVAILABLE', async () => {
    const content = async function* (): AsyncGenerator<Uint8Array> { yield Buffer.from('x'); };
    await expect(store('elsewhere').put('x', content())).rejects.toMatchObject({ code: 'FILE_STORE_UNAVAILABLE' });
    const nobody = new S3Store({ bucket: 'private', prefix: '', region: 'us-east-1', endpoint: 'http://127.0.0.1:1', credentials: () => CREDENTIALS });
    await expect(nobody.read('x', 0, 1)).rejects.toMatchObject({ code: 'FILE_STORE_UNAVAILABLE' });
  });
});
