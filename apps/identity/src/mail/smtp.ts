import { createTransport, type SMTPTransportOptions } from 'nodemailer';
import type { WrittenMail } from './templates.js';

const CONNECT_MS_MAX = 10_000;
const SILENCE_MS_MAX = 20_000;

/** One address and nothing else: no second one, no header, no command (RFC 5321 §4.1.2 allows more, in quotes; we do not). */
const ONE_ADDRESS = /^[^\s\p{Cc}<>,;:"()[\]\\@]+@[^\s\p{Cc}<>,;:"()[\]\\@]+$/u;

/** `tls`: from the first byte (RFC 8314). `starttls`: refused by us unless the server upgrades. `none`: for a server on this machine. */
export const SMTP_SECURITIES = ['tls', 'starttls', 'none'] as const;

export interface SmtpOptions {
  readonly host: string;
  readonly port: number;
  readonly security: (typeof SMTP_SECURITIES)[number];
  /** PEM of authorities to be trusted instead of those of the system. */
  readonly ca?: string;
  readonly user?: string;
  /** Asked for anew for each connection: it may have been rotated. */
  readonly password: () => string | undefined;
  /** Address that mails come from. */
  readonly from: string;
}

/** `code`: of SMTP (RFC 5321 §4.2), or Node's. `isFinal`: trying again is of no use. */
export class MailRefused extends Error {
  override readonly name = 'MailRefused';
  constructor(
    readonly code: string,
    readonly isFinal: boolean,
    options?: ErrorOptions,
  ) {
    super(`mail refused: ${code}`, options);
  }
}

export interface OutgoingMail extends WrittenMail {
  /** The same for the same mail: receivers know by it what came twice. */
  readonly id: string;
  readonly to: string;
}

export interface MailTransport {
  /** Throws MailRefused. */
  readonly send: (mail: OutgoingMail) => Promise<void>;
}

/** One connection a mail: there are few of them, and a server that was restarted is no matter. */
export function smtpTransport(options: SmtpOptions): MailTransport {
  const host = options.from.slice(options.from.lastIndexOf('@') + 1);
  return {
    send: async ({ id, to, subject, text }) => {
      if (!ONE_ADDRESS.test(to)) throw new MailRefused('EENVELOPE', true);
      const transport = createTransport(optionsOf(options));
      try {
        await transport.sendMail({
          from: { name: '', address: options.from },
          to: { name: '', address: to },
          subject,
          text,
          messageId: `<${id}@${host}>`,
          headers: { 'Auto-Submitted': 'auto-generated' },
          // Nothing of a mail is ever read from a file or fetched.
          disableFileAccess: true,
          disableUrlAccess: true,
        });
      } catch (error) {
        throw refusalOf(error);
      } finally {
        transport.close();
      }
    },
  };
}

function optionsOf({ host, port, security, ca, user, password }: SmtpOptions): SMTPTransportOptions {
  const pass = password();
  return {
    host,
    port,
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    tls: { minVersion: 'TLSv1.2', rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) },
    ...(user === undefined || pass === undefined ? {} : { auth: { user, pass } }),
    connectionTimeout: CONNECT_MS_MAX,
    greetingTimeout: CONNECT_MS_MAX,
    socketTimeout: SILENCE_MS_MAX,
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

/** 5xx about the recipient or the text is final (RFC 5321 §4.2.1); one about signing in, TLS or the sender is the operator's to mend. */
function refusalOf(error: unknown): MailRefused {
  const { code, responseCode, command } = (error ?? {}) as { code?: unknown; responseCode?: unknown; command?: unknown };
  const isOfMail = command === 'RCPT TO' || command === 'DATA';
  const status = typeof responseCode === 'number' ? responseCode : undefined;
  const name = status !== undefined ? String(status) : typeof code === 'string' ? code : 'UNKNOWN';
  return new MailRefused(name, isOfMail && status !== undefined && status >= 500, { cause: error });
}
