import { from, type EventStore } from '@countersign/event-store';
import { RetentionFault } from '../domain/retention-fault.js';
import type { Because } from '../requests/because.js';
import type { FileRow } from './export-files.js';

/** Puts on record that a file was handed out, or a link by which it may be (requirement K9). */
export class HandOuts {
  constructor(private readonly store: Pick<EventStore, 'append'>) {}

  /** Rejects when it cannot be put on record: then there is no link. */
  async issued({ file_id, request_id, tenant }: FileRow, until: Date, { cause, origin, along, command = {} }: Because): Promise<void> {
    const event = from(origin, { type: 'retention.file.link-issued', severity: 'notice' as const, resource: { type: 'file', id: file_id }, data: { requestId: request_id, until: until.toISOString() } });
    const { repeated } = await this.store.append({ tenant, stream: `file/${file_id}`, events: [event], ...cause, ...command, ...(along === undefined ? {} : { project: along }) });
    if (repeated) throw new RetentionFault('COMMAND_DONE', 'it was carried out, and its answer was told once');
  }

  /** The same of a download that begins; of whoever has the link it is known from where he came. */
  async handedOut({ file_id, request_id, tenant, subject }: FileRow, { ip, userAgent, correlationId }: { readonly ip: string; readonly userAgent: string; readonly correlationId: string }): Promise<void> {
    const event = from({ subject, ip, userAgent }, { type: 'retention.file.handed-out', severity: 'notice' as const, resource: { type: 'file', id: file_id }, data: { requestId: request_id } });
    await this.store.append({ tenant, stream: `file/${file_id}`, events: [event], actor: { type: 'service', id: 'edge' }, correlationId });
  }
}
