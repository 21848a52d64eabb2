import { formatNote, formatVkey, sha256Hex } from '@countersign/chain';
import { certificateText } from '@countersign/certificates';
import type { EventStore } from '@countersign/event-store';
import { causeOf, type Handlers } from '../request/asker.js';
import { record } from '../request/audit.js';
import type { LogSigner } from './log-signer.js';

export interface CertificateDependencies {
  readonly store: EventStore;
  readonly signer: LogSigner;
  /** Of the key that signs certificates: another one than that of receipts, so that whoever may ask for one cannot get the other. */
  readonly name: string;
}

/** Signs what retention has had destroyed; what it says is in the event by its digest, and whole in the certificate. */
export function certificateHandlers({ store, signer, name }: CertificateDependencies): Pick<Handlers, 'sign-certificate'> {
  return {
    'sign-certificate': async ({ kind, statement }, asker) => {
      const cause = causeOf(asker);
      const [vkey] = await signer.vkeys(name, cause);
      const text = certificateText(name, kind, statement);
      const certificate = formatNote(text, [await signer.signText(name, text, cause)]);
      await record(store, asker, 'keys.certificate.signed', { kind, name, digest: sha256Hex(certificate) });
      return { result: { certificate, vkey: formatVkey(name, vkey!.type, vkey!.publicKey) } };
    },
  };
}
