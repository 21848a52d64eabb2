import { FolderStore, S3Store, type FileStore } from '@countersign/files';
import type { RetentionConfig } from '../config.js';
import { ExportFiles } from '../files/export-files.js';
import { HandOuts } from '../files/hand-outs.js';
import { LinkKeys } from '../files/link-keys.js';
import type { RequestFlows } from '../parts.js';
import type { ServiceParts } from '../service-parts.js';
import { RemainderRows } from '../store/remainder-rows.js';
import { RequestRows } from '../store/request-rows.js';
import { RestrictionRows } from '../store/restriction-rows.js';
import { HoldRows } from '../store/hold-rows.js';
import { PolicyRows } from '../store/policy-rows.js';
import { ReportedRows } from '../store/reported-rows.js';
import { TypeRows } from '../store/type-rows.js';
import { PersonResources } from '../resources/person-resources.js';
import { loadRules } from '../sweep/load-rules.js';
import { OrderRows } from '../sweep/order-rows.js';
import { BusHolders } from './bus-holders.js';
import { PersonHolders } from './person-holders.js';
import { Tombstones } from './tombstones.js';

/** Services of the platform that hold something of persons; in this order they let go of it. */
const PLATFORM_HOLDERS = ['identity', 'ledger'] as const;

/** What requests of data subjects stand on. */
export function openRequests({ config, pool, holders, keys, store }: ServiceParts, files: FileStore, now: () => Date, newId: () => string): Omit<RequestFlows, 'worker'> {
  const types = new TypeRows(pool);
  const restrictions = new RestrictionRows(pool, config.tenant);
  const [policies, holds] = [new PolicyRows(pool), new HoldRows(pool)];
  const source = { pool, types: () => types.all(), policies: () => policies.rules(), holds: (since: Date) => holds.rules(since), restrictions: (at: Date) => restrictions.rules(at), announceMs: config.announceMs };
  const reported = new PersonResources({ store, types, now, newId, resources: new ReportedRows(pool), orders: new OrderRows(pool), rules: (at) => loadRules(source, at), tenant: config.tenant });
  return {
    now,
    calendar: { timeZone: config.timeZone, holidays: config.holidays },
    erasureWaitMs: config.erasureWaitMs,
    requests: new RequestRows(pool),
    restrictions,
    remainders: new RemainderRows(pool),
    persons: new PersonHolders(holders, PLATFORM_HOLDERS, reported, new BusHolders(holders, types)),
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
