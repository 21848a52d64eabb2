import { natsServerConfig, type BusUserKey, type NatsClusterConfig } from '@countersign/bus';
import { holderRights, holderUser } from '@countersign/contracts';

/** A service of an organisation, or of the installation. */
export interface HolderName {
  readonly tenant: string;
  readonly service: string;
}

/** What differs between local servers: places, and public keys of their users. */
export interface LocalNatsConfig {
  readonly serverName: string;
  readonly port: number;
  readonly monitorPort: number;
  readonly storeDir: string;
  readonly logFile: string;
  readonly keys: readonly BusUserKey[];
  /** Services of customers that hold something: each has an account of its own. */
  readonly holders: readonly HolderName[];
  readonly cluster?: NatsClusterConfig | undefined;
  readonly tlsDir?: string | undefined;
  /** Where the server knows it. */
  readonly syncAlways?: boolean;
}

const LOOPBACK = '127.0.0.1';

/** Configuration of a local nats-server: the rights of a deployment (libs/contracts, bus-rights), on loopback. */
export function localNatsConfig({ serverName, port, monitorPort, storeDir, logFile, keys, holders, cluster, tlsDir, syncAlways }: LocalNatsConfig): string {
  return natsServerConfig({
    comment: 'Written by Countersign at every start; changes here are lost.',
    serverName,
    host: LOOPBACK,
    port,
    monitor: `${LOOPBACK}:${String(monitorPort)}`,
    logFile,
    storeDir,
    keys,
    syncAlways,
    more: holders.flatMap(({ tenant, service }) => holderRights(tenant, service)),
    ...(tlsDir === undefined ? {} : { tlsDir }),
    ...(cluster === undefined ? {} : { cluster }),
  });
}

export const nameOfHolder = ({ tenant, service }: HolderName): string => holderUser(tenant, service);
