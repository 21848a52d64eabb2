import { FolderStore, S3Store, type FileStore } from '@countersign/files';
import { HolderClient } from '@countersign/holder';
import type { RetentionConfig } from '../config.js';
import { ExportFiles } from '../files/export-files.js';
import { HandOuts } from '../files/hand-outs.js';
import { LinkKeys } from '../files/link-keys.js';
import type { RequestFlows } from '../parts.js';
import type { ServiceParts } from '../service-parts.js';
import { RequestRows } from '../store/request-rows.js';
import { RestrictionRows } from '../store/restriction-rows.js';
import { PersonHolders } from './person-holders.js';
import { Tombstones } from './tombstones.js';

/** Services of the platform that hold something of persons; in this order they let go of it. */
const PLATFORM_HOLDERS = ['identity', 'ledger'] as const;

/** What requests of data subjects stand on. */
export function openRequests({ config, pool, bus, keys, store }: ServiceParts, files: FileStore, now: () => Date): Omit<RequestFlows, 'worker'> {
  return {
    now,
    calendar: { timeZone: config.timeZone, holidays: config.holidays },
    erasureWaitMs: config.erasureWaitMs,
    requests: new RequestRows(pool),
    restrictions: new RestrictionRows(pool, config.tenant),
    persons: new PersonHolders(new HolderClient(bus), PLATFORM_HOLDERS),
    tombstones: new Tombstones(config.stateDir),
    files: new ExportFiles(pool, files, keys, new LinkKeys(keys.client, config.tenant)),
    handOuts: new HandOuts(store),
    keyClient: keys.client,
  };
}

/** Where exports lie: a private bucket, or a folder of this machine. */
export function openFileStore({ s3, filesDir }: RetentionConfig, secretAccessKey: (() => string) | undefined): FileStore {
  if (s3 === undefined || secretAccessKey === undefined) return new FolderStore(filesDir);
  const { accessKeyId, ...place } = s3;
  return new S3Store({ ...place, credentials: () => ({ accessKeyId, secretAccessKey: secretAccessKey() }) });
}
