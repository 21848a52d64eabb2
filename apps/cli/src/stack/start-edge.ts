import { choosePort, localCertificate } from '@countersign/devstack';
import type { Devstack } from '@countersign/devstack';
import type { EdgeFiles } from './files.js';
import { startServiceProcess } from './service-process.js';
import type { ServiceProcess, ServiceProcessOptions } from './service-process.js';

const LOOPBACK = '127.0.0.1';

export interface LocalEdge {
  readonly process: ServiceProcess;
  readonly url: string;
  readonly port: number;
  readonly certFile: string;
}

/** What browsers see of it. */
export const localEdgeOrigin = (port: number): string => `https://localhost:${port}`;

/** Starts the public API over HTTPS with a certificate of this machine's own, and waits until it is ready. Throws CliError. */
export async function startLocalEdge(
  files: EdgeFiles,
  devstack: Devstack,
  { env, log, ledgerUrl, port }: Pick<ServiceProcessOptions, 'env' | 'log'> & { readonly ledgerUrl: string; readonly port: number },
): Promise<LocalEdge> {
  const { certFile, keyFile } = await localCertificate(files.tlsDir);
  const operationsPort = await choosePort(undefined);
  const url = localEdgeOrigin(port);
  const config = {
    EDGE_NATS_URL: devstack.nats.url,
    EDGE_NATS_SEED_FILE: devstack.nats.users.edge,
    EDGE_LEDGER_URL: ledgerUrl,
    EDGE_PUBLIC_ORIGIN: url,
    EDGE_TLS_CERT_FILE: certFile,
    EDGE_TLS_KEY_FILE: keyFile,
    EDGE_HTTPS_HOST: LOOPBACK,
    EDGE_HTTPS_PORT: String(port),
    EDGE_OPERATIONS_HOST: LOOPBACK,
    EDGE_OPERATIONS_PORT: String(operationsPort),
  };
  const process = await startServiceProcess({ service: 'edge', env, log, config, logFile: files.log, pidFile: files.pid, url: `http://${LOOPBACK}:${operationsPort}` });
  return { process, url, port, certFile };
}
