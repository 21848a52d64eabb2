/** What the accounts of a Countersign bus need to know: public keys only, so the file holds no secret. */
export interface NatsConfig {
  readonly serverName: string;
  readonly port: number;
  readonly monitorPort: number;
  readonly storeDir: string;
  readonly logFile: string;
  readonly ledgerPublicKey: string;
  readonly edgePublicKey: string;
  readonly servicesPublicKey: string;
  readonly keysPublicKey: string;
  readonly identityPublicKey: string;
  readonly retentionPublicKey: string;
  readonly operatorPublicKey: string;
  readonly systemPublicKey: string;
  /** Services of customers that hold something: each has an account of its own. Default none. */
  readonly holders?: readonly HolderUser[];
}

/** A service of an organisation, or of the installation. */
export interface HolderName {
  readonly tenant: string;
  readonly service: string;
}

export interface HolderUser extends HolderName {
  readonly publicKey: string;
}

const MAX_PAYLOAD_BYTES = 1024 * 1024;
const FILE_STORE_BYTES_MAX = 4 * 1024 * 1024 * 1024;
const MEMORY_STORE_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Configuration of the local nats-server (2.9 or later). Why it looks so: deploy/nats/README.md.
 * Services get explicit lists only: with `publish: ">"` another account could purge a stream, and with
 * `allow_responses` a responder would answer on any subject that a requester names, `ledger.receipt.x` included.
 */
export function natsConfig(c: NatsConfig): string {
  return `# Written by Countersign at every start; changes here are lost.
server_name: ${JSON.stringify(c.serverName)}
host: 127.0.0.1
port: ${String(c.port)}
http: ${JSON.stringify(`127.0.0.1:${String(c.monitorPort)}`)}
log_file: ${JSON.stringify(c.logFile)}
logfile_size_limit: 16MB
max_payload: ${String(MAX_PAYLOAD_BYTES)}
max_connections: 256
ping_interval: 10s
ping_max: 3
write_deadline: 10s
# A client that waits for a core must not be taken for one that cannot sign: by default it has two seconds.
authorization { timeout: 10 }

jetstream {
  store_dir: ${JSON.stringify(c.storeDir)}
  max_file_store: ${String(FILE_STORE_BYTES_MAX)}
  max_memory_store: ${String(MEMORY_STORE_BYTES_MAX)}
  # What waits here may hold personal data that nobody has encrypted yet.
  cipher: chachapoly
  key: $COUNTERSIGN_NATS_STORE_KEY
}

${accounts(c)}system_account: SYS
`;
}

function accounts(c: NatsConfig): string {
  return `accounts {
  LEDGER {
    jetstream: enabled
    users: [ { nkey: ${c.ledgerPublicKey} } ]
    exports: [
      { service: "intake.>" }
      { service: "ledger.*", accounts: [RETENTION] }
      { stream: "ledger.receipt.>" }
      { stream: "ledger.refused.>" }
      { stream: "ledger.checkpoint.>" }
      { stream: "ledger.integrity.>" }
    ]
    imports: [
      { service: { account: KEYS, subject: "keys.*.ledger" } }
      { stream: { account: KEYS, subject: "keys-erased.>" } }
    ]
  }
  KEYS {
    users: [
      {
        nkey: ${c.keysPublicKey}
        permissions {
          publish { allow: ["intake.keys.*", "keys-erased.*", "_INBOX.>", "_R_.>"] }
          subscribe { allow: ["keys.>", "ledger.receipt.keys", "ledger.refused.keys", "_INBOX.>"] }
        }
      }
    ]
    exports: [
      { service: "keys.*.ledger", accounts: [LEDGER] }
      { service: "keys.*.identity", accounts: [IDENTITY] }
      { service: "keys.*.retention", accounts: [RETENTION] }
      { service: "keys.*.edge", accounts: [EDGE] }
      { service: "keys.*.operator", accounts: [OPERATORS] }
      { stream: "keys-erased.>", accounts: [LEDGER, IDENTITY, RETENTION, EDGE, SERVICES] }
    ]
    imports: [
      { service: { account: LEDGER, subject: "intake.keys.*" } }
      { stream: { account: LEDGER, subject: "ledger.receipt.keys" } }
      { stream: { account: LEDGER, subject: "ledger.refused.keys" } }
    ]
  }
${identity(c)}${retention(c)}${edge(c)}  SERVICES {
    users: [
      {
        nkey: ${c.servicesPublicKey}
        permissions {
          publish { allow: ["intake.*.*", "_INBOX.>", "_R_.>"], deny: ["intake.http.*", "intake.ledger.*", "intake.retention.*"] }
          subscribe { allow: ["ledger.>", "holders.*.*", "keys-erased.>", "_INBOX.>"] }
        }
      }
    ]
    exports: [
      { service: "holders.*.*", accounts: [RETENTION] }
    ]
    imports: [
      { service: { account: LEDGER, subject: "intake.>" } }
      { stream: { account: LEDGER, subject: "ledger.receipt.>" } }
      { stream: { account: LEDGER, subject: "ledger.refused.>" } }
      { stream: { account: LEDGER, subject: "ledger.checkpoint.>" } }
      { stream: { account: LEDGER, subject: "ledger.integrity.>" } }
      { stream: { account: KEYS, subject: "keys-erased.>" } }
    ]
  }
${operators(c)}${(c.holders ?? []).map(holder).join('')}  SYS { users: [ { nkey: ${c.systemPublicKey} } ] }
}
`;
}

/** Alone answers `identity.>`: no service signs anybody in, and none revokes. */
function identity(c: NatsConfig): string {
  return `  IDENTITY {
    users: [
      {
        nkey: ${c.identityPublicKey}
        permissions {
          publish { allow: ["intake.identity.*", "keys.*.identity", "retention.*.identity", "identity-revoked", "_INBOX.>", "_R_.>"] }
          subscribe { allow: ["identity.*", "identity.*.*", "identity-acked.*", "ledger.receipt.identity", "ledger.refused.identity", "keys-erased.>", "_INBOX.>"] }
        }
      }
    ]
    exports: [
      { service: "identity.*.edge", accounts: [EDGE] }
      { service: "identity.*.operator", accounts: [OPERATORS] }
      { service: "identity.principal.retention", accounts: [RETENTION] }
      { service: "identity.*", accounts: [RETENTION] }
      { service: "identity-acked.*", accounts: [EDGE] }
      { stream: "identity-revoked", accounts: [EDGE] }
    ]
    imports: [
      { service: { account: LEDGER, subject: "intake.identity.*" } }
      { stream: { account: LEDGER, subject: "ledger.receipt.identity" } }
      { stream: { account: LEDGER, subject: "ledger.refused.identity" } }
      { service: { account: KEYS, subject: "keys.*.identity" } }
      { service: { account: RETENTION, subject: "retention.*.identity" } }
      { stream: { account: KEYS, subject: "keys-erased.>" } }
    ]
  }
`;
}

/** Alone answers `retention.>`. Of identity it asks one thing: who is behind what the edge was shown. */
function retention(c: NatsConfig): string {
  return `  RETENTION {
    users: [
      {
        nkey: ${c.retentionPublicKey}
        permissions {
          publish { allow: ["intake.retention.*", "keys.*.retention", "identity.principal.retention", "identity.*", "ledger.*", "holders.*.*", "holders.*.*.*", "_INBOX.>", "_R_.>"] }
          subscribe { allow: ["retention.*.*", "holder-types.*.*", "ledger.receipt.retention", "ledger.refused.retention", "ledger.integrity.*", "keys-erased.>", "_INBOX.>"] }
        }
      }
    ]
    exports: [
      { service: "retention.*.edge", accounts: [EDGE] }
      { service: "retention.*.identity", accounts: [IDENTITY] }
${lines(c, (one) => `{ service: "holder-types.${one.tenant}.${one.service}", accounts: [${accountOf(one)}] }`)}    ]
    imports: [
${lines(c, (one) => `{ service: { account: ${accountOf(one)}, subject: "holders.${one.tenant}.${one.service}.*" } }`)}      { service: { account: LEDGER, subject: "intake.retention.*" } }
      { stream: { account: LEDGER, subject: "ledger.receipt.retention" } }
      { stream: { account: LEDGER, subject: "ledger.refused.retention" } }
      { stream: { account: LEDGER, subject: "ledger.integrity.>" } }
      { service: { account: KEYS, subject: "keys.*.retention" } }
      { stream: { account: KEYS, subject: "keys-erased.>" } }
      { service: { account: IDENTITY, subject: "identity.principal.retention" } }
      { service: { account: IDENTITY, subject: "identity.*" } }
      { service: { account: LEDGER, subject: "ledger.*" } }
      { service: { account: SERVICES, subject: "holders.*.*" } }
    ]
  }
`;
}

/** Of a customers' service: in an account of its own nobody else hears its inboxes, and no name of it reaches another's. */
const accountOf = ({ tenant, service }: HolderName): string => `HOLDER_${tenant}.${service}`.toUpperCase();
const lines = ({ holders = [] }: NatsConfig, line: (one: HolderName) => string): string => holders.map((one) => `      ${line(one)}\n`).join('');

/** It registers its types, answers retention, and nothing else. */
function holder(one: HolderUser): string {
  const { tenant, service, publicKey } = one;
  return `  ${accountOf(one)} {
    users: [
      {
        nkey: ${publicKey}
        permissions {
          publish { allow: ["holder-types.${tenant}.${service}", "_INBOX.>", "_R_.>"] }
          subscribe { allow: ["holders.${tenant}.${service}.*", "_INBOX.>"] }
        }
      }
    ]
    exports: [
      { service: "holders.${tenant}.${service}.*", accounts: [RETENTION] }
    ]
    imports: [
      { service: { account: RETENTION, subject: "holder-types.${tenant}.${service}" } }
    ]
  }
`;
}

/** The only public listener: what it sends for clients carries the source `http`, which nobody else may use. */
function edge(c: NatsConfig): string {
  return `  EDGE {
    users: [
      {
        nkey: ${c.edgePublicKey}
        permissions {
          publish { allow: ["intake.http.*", "keys.*.edge", "identity.*.edge", "identity-acked.*", "retention.*.edge", "_INBOX.>"] }
          subscribe { allow: ["ledger.receipt.http", "ledger.refused.http", "identity-revoked", "keys-erased.>", "_INBOX.>"] }
        }
      }
    ]
    imports: [
      { service: { account: LEDGER, subject: "intake.http.*" } }
      { stream: { account: LEDGER, subject: "ledger.receipt.http" } }
      { stream: { account: LEDGER, subject: "ledger.refused.http" } }
      { service: { account: KEYS, subject: "keys.*.edge" } }
      { stream: { account: KEYS, subject: "keys-erased.>" } }
      { service: { account: IDENTITY, subject: "identity.*.edge" } }
      { service: { account: IDENTITY, subject: "identity-acked.*" } }
      { stream: { account: IDENTITY, subject: "identity-revoked" } }
      { service: { account: RETENTION, subject: "retention.*.edge" } }
    ]
  }
`;
}

/** People who manage keys and make the first administrator: no service sees what they ask or are told. */
function operators(c: NatsConfig): string {
  return `  OPERATORS {
    users: [
      {
        nkey: ${c.operatorPublicKey}
        permissions {
          publish { allow: ["keys.*.operator", "identity.*.operator"] }
          subscribe { allow: ["_INBOX.>"] }
        }
      }
    ]
    imports: [
      { service: { account: KEYS, subject: "keys.*.operator" } }
      { service: { account: IDENTITY, subject: "identity.*.operator" } }
    ]
  }
`;
}
