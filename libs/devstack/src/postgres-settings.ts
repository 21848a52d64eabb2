export interface PostgresSettings {
  readonly port: number;
  /** Folder of the Unix socket; undefined when its path would be too long for one (107 bytes). */
  readonly socketDir: string | undefined;
  /** False only for tests: a power cut may then lose or break everything. */
  readonly durable: boolean;
}

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** The whole `postgresql.conf`, written anew at every start, for a load that mostly appends. */
export function postgresConf({ port, socketDir, durable }: PostgresSettings): string {
  const onOff = durable ? 'on' : 'off';
  return `# Written by Countersign at every start; changes here are lost.
listen_addresses = '127.0.0.1'
port = ${String(port)}
unix_socket_directories = ${quote(socketDir ?? '')}
unix_socket_permissions = 0700
max_connections = 100
password_encryption = 'scram-sha-256'

# A receipt promises that its event survives a power cut.
fsync = ${onOff}
full_page_writes = ${onOff}
synchronous_commit = on

shared_buffers = '256MB'
wal_buffers = '16MB'
wal_compression = 'pglz'
min_wal_size = '512MB'
max_wal_size = '2GB'
checkpoint_timeout = '15min'
checkpoint_completion_target = 0.9
# A backup and the archiving of the log; what waits to be archived may not fill the disk.
max_wal_senders = 4
max_replication_slots = 4
max_slot_wal_keep_size = '4GB'
wal_level = 'replica'
jit = off

timezone = 'UTC'
log_timezone = 'UTC'
datestyle = 'iso, mdy'
lc_messages = 'C'
log_line_prefix = '%m [%p] %q%u@%d %a '
log_checkpoints = off
log_min_messages = 'warning'
`;
}
