import { ensureReplicationRole, withClient } from '@countersign/postgres';

/** Who copies the server, and can write no row. */
export const BACKUP_ROLE = 'countersign_backup';

/** Makes the role, or gives it its password again. `adminUrl` is a superuser's. */
export const ensureBackupRole = (adminUrl: string, password: string): Promise<void> => withClient(adminUrl, (client) => ensureReplicationRole(client, { name: BACKUP_ROLE, password }));
