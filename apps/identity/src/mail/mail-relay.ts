import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@countersign/runtime';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { PersonalColumns } from '../keys/personal-columns.js';
import type { MailRows, WaitingMail } from '../store/mail-rows.js';
import { mailPlace, type MailContent } from './outbox.js';
import { MailRefused, type MailTransport } from './smtp.js';
import { isMailTemplate, writeMail } from './templates.js';

const POLL_MS = 1_000;
/** Rounds between looks for mails that are of no use any more. */
const EXPIRE_ROUNDS = 60;

export interface MailRelayDependencies {
  readonly rows: MailRows;
  readonly columns: Pick<PersonalColumns, 'open'>;
  /** Undefined: none is configured, and mails wait. */
  readonly transport: MailTransport | undefined;
  readonly registry: Registry;
  readonly log: Pick<Logger, 'warn' | 'error'>;
}

/**
 * Sends what the outbox holds, each mail once or, when it was killed between sending and noting it, twice under the same Message-ID. Several
 * instances share the work.
 */
export class MailRelay {
  readonly #stopping = new AbortController();
  readonly #dealtWith: Counter<'outcome'>;
  #running: Promise<void> | undefined;
  #rounds = 0;

  constructor(private readonly deps: MailRelayDependencies) {
    this.#dealtWith = mailMetrics(deps);
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Waits for the mail that is being sent. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const sent = await this.#round().catch((error: unknown) => {
        this.deps.log.warn({ err: error }, 'mail waits');
        return 0;
      });
      if (sent === 0) await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** How many mails it has looked at. */
  async #round(): Promise<number> {
    const { rows, transport } = this.deps;
    if (this.#rounds++ % EXPIRE_ROUNDS === 0) {
      const expired = await rows.expire();
      if (expired > 0) this.#dealtWith.inc({ outcome: 'expired' }, expired);
    }
    if (transport === undefined) return 0;
    const mails = await rows.take();
    for (const mail of mails) {
      if (this.#stopping.signal.aborted) break;
      await this.#send(transport, mail);
    }
    return mails.length;
  }

  async #send(transport: MailTransport, mail: WaitingMail): Promise<void> {
    const { rows, log } = this.deps;
    try {
      const content = await this.#contentOf(mail);
      if (content === undefined || !isMailTemplate(mail.template)) return await this.#give(mail, 'erased');
      await transport.send({ id: mail.mail_id, to: content.address, ...writeMail(mail.template, content.values) });
      await rows.settle(mail.mail_id, 'sent');
      this.#dealtWith.inc({ outcome: 'sent' });
    } catch (error) {
      // What a server says may quote the address: only its code is told.
      const code = error instanceof MailRefused ? error.code : (error as { code?: unknown }).code;
      log.warn({ mailId: mail.mail_id, template: mail.template, tries: mail.tries, code }, 'mail not sent');
      if (error instanceof MailRefused && error.isFinal) return this.#give(mail, 'refused');
      this.#dealtWith.inc({ outcome: 'postponed' });
      await rows.postpone(mail);
    }
  }

  async #give(mail: WaitingMail, outcome: string): Promise<void> {
    await this.deps.rows.settle(mail.mail_id, 'undelivered');
    this.#dealtWith.inc({ outcome });
  }

  /** Undefined when its subject was erased. */
  async #contentOf({ subject, mail_id, content }: WaitingMail): Promise<MailContent | undefined> {
    const [text] = await this.deps.columns.open([{ ...mailPlace(subject, mail_id), sealed: content }]);
    return text === undefined ? undefined : (JSON.parse(text) as MailContent);
  }
}

function mailMetrics({ rows, transport, registry, log }: MailRelayDependencies): Counter<'outcome'> {
  const registers = [registry];
  const age = new Gauge({ name: 'countersign_identity_mail_oldest_seconds', help: 'Age of the oldest mail that waits to be sent', registers });
  new Gauge({
    name: 'countersign_identity_mail_waiting',
    help: 'Mails that wait to be sent',
    registers,
    async collect() {
      try {
        const { waiting, oldest } = await rows.status();
        this.set(waiting);
        age.set(oldest === null ? 0 : Math.max(0, (Date.now() - oldest.getTime()) / 1_000));
      } catch (error) {
        // The other figures are told all the same.
        log.warn({ err: error }, 'mail is not counted');
      }
    },
  });
  new Gauge({ name: 'countersign_identity_mail_configured', help: '0 while there is no mail server: mails wait', registers }).set(transport === undefined ? 0 : 1);
  return new Counter({ name: 'countersign_identity_mail_total', help: 'Mails sent, put off, refused for good, past their use, or of somebody erased', labelNames: ['outcome'] as const, registers });
}
