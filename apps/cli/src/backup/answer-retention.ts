import { ArchiveHolder, backupType } from '@countersign/backup';
import { connectBus } from '@countersign/bus';
import type { BusConnection } from '@countersign/bus';
import { HolderResponder, registerType } from '@countersign/holder';
import type { Io } from '../io.js';
import { busOf } from '../target.js';
import type { OpenArchive } from './place.js';

export interface RetentionOptions {
  readonly natsUrl?: string;
  readonly natsSeed?: string;
  readonly tenant: string;
  readonly stateDir?: string;
}

/** Backups that retention decides on. */
export interface AnsweredRetention {
  readonly bus: BusConnection;
  /** Finishes orders that were being carried out when this ended last. Rejects with HolderFault. */
  resume(): Promise<void>;
  /** Once retention knows the type it never has to be told again. Rejects with TypeRefused. */
  register(): Promise<void>;
  stop(): Promise<void>;
}

const SERVICE = 'backup';

/** The seed of the bus user by which backups are a service of retention's; undefined: they are not. */
export const retentionSeedOf = ({ natsSeed }: RetentionOptions, { env }: Io): string | undefined => natsSeed ?? env['COUNTERSIGN_BACKUP_NATS_SEED_FILE'];

/** Answers retention for the backups of an archive until it is stopped. Rejects with BusError. */
export async function answerRetention(options: RetentionOptions & { readonly natsSeed: string }, archive: OpenArchive & { readonly serverUrl: string }, io: Io, onError: (error: unknown, operation: string) => void): Promise<AnsweredRetention> {
  const { tenant } = options;
  const service = `${tenant}.${SERVICE}`;
  const { url, tlsDir } = busOf(options, io.env, io.cwd);
  const bus = await connectBus({ url, nkeySeedFile: options.natsSeed, name: service, ...(tlsDir === undefined ? {} : { tlsDir }) });
  const holder = new ArchiveHolder({ ...archive, tenant, now: () => new Date() });
  const responder = new HolderResponder({ bus, service, holder, orders: holder, onError });
  await responder.start();
  return {
    bus,
    resume: () => holder.resume(),
    async register() {
      await registerType(bus, tenant, SERVICE, backupType(tenant));
    },
    async stop() {
      await responder.stop();
      await bus.close();
    },
  };
}
