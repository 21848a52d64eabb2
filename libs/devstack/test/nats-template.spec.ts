import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { natsConfig } from '@countersign/devstack';

const TEMPLATE = new URL('../../../deploy/nats/nats-server.conf', import.meta.url);

const accountsOf = (config: string): string => config.slice(config.indexOf('\naccounts {')).trim();

describe('the local bus and the template for production', () => {
  it('have the same accounts, exports, imports and permissions', () => {
    const local = natsConfig({
      serverName: 'local',
      port: 1,
      monitorPort: 2,
      storeDir: '/store',
      logFile: '/log',
      ledgerPublicKey: '$COUNTERSIGN_NKEY_LEDGER',
      keysPublicKey: '$COUNTERSIGN_NKEY_KEYS',
      identityPublicKey: '$COUNTERSIGN_NKEY_IDENTITY',
      retentionPublicKey: '$COUNTERSIGN_NKEY_RETENTION',
      edgePublicKey: '$COUNTERSIGN_NKEY_EDGE',
      servicesPublicKey: '$COUNTERSIGN_NKEY_SERVICES',
      operatorPublicKey: '$COUNTERSIGN_NKEY_OPERATOR',
      systemPublicKey: '$COUNTERSIGN_NKEY_SYSTEM',
    });
    expect(accountsOf(local)).toBe(accountsOf(readFileSync(TEMPLATE, 'utf8')));
  });
});
