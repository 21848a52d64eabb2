import { chunksOf, FilesFault } from '@countersign/files';
import { RetentionFault } from '../domain/retention-fault.js';
import type { Flows } from '../parts.js';
import type { OpenHandlers } from '../request/asker.js';

/** A certificate of erasure can be fetched by its link for so long: its owner has no account any more. */
export const CERTIFICATE_LINK_MS = 90 * 86_400_000;
const CERTIFICATE_PREFIX = 'certificate-';

/** What whoever has a link gets by it; nobody is asked who he is. */
export function fileHandlers(flows: Flows): Pick<OpenHandlers, 'file-read' | 'certificate-read'> {
  return {
    'file-read': async ({ token, chunk }, context) => translated(async () => {
      const now = flows.now();
      const file = await flows.files.find(await flows.files.follow(token, now), now);
      const bytes = await flows.files.chunk(file, chunk);
      // Each download begins with the first chunk: it is on record before any of it leaves.
      if (chunk === 0) await flows.handOuts.handedOut(file, context);
      const chunks = chunksOf(Number(file.bytes));
      return { bytes: bytes.toString('base64'), chunks, size: Number(file.bytes), name: `export-${file.request_id}.zip` };
    }),
    'certificate-read': async ({ token }) => translated(async () => {
      const id = await flows.files.follow(token, flows.now());
      const row = id.startsWith(CERTIFICATE_PREFIX) ? await flows.requests.find(id.slice(CERTIFICATE_PREFIX.length)) : undefined;
      if (row === undefined) throw new RetentionFault('FILE_LINK_INVALID', 'the link is not one of ours');
      const found = await flows.requests.certificateOf(row.request_id);
      if (found === undefined) throw new RetentionFault('CERTIFICATE_MISSING', 'it is not erased yet: come again');
      return found;
    }),
  };
}

/** By which the certificate of a deletion is fetched when it is there. */
export async function certificateUrl({ files }: Pick<Flows, 'files'>, requestId: string, now: Date): Promise<string> {
  return `/v1/certificates/${await files.link(`${CERTIFICATE_PREFIX}${requestId}`, new Date(now.getTime() + CERTIFICATE_LINK_MS))}`;
}

async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof FilesFault)) throw error;
    if (error.code === 'FILE_LINK_INVALID' || error.code === 'FILE_LINK_EXPIRED' || error.code === 'FILE_MISSING') throw new RetentionFault(error.code, error.message, {}, { cause: error });
    if (error.code === 'FILE_STORE_UNAVAILABLE') throw new RetentionFault('RETENTION_UNAVAILABLE', 'the store of files does not answer', {}, { cause: error });
    throw error;
  }
}
