import type { PoolClient } from '@countersign/postgres';
import type { PersonalColumns } from '../keys/personal-columns.js';
import { insertMail } from '../store/mail-rows.js';
import { writeMail, type MailTemplate, type MailValues } from './templates.js';

/** Whom a mail is for. */
export interface Recipient {
  /** Under whose key the mail lies until it is sent: a user id, or a subject of the invitation's own. */
  readonly subject: string;
  /** In lower case, checked by the contracts. */
  readonly address: string;
}

export interface Mail<T extends MailTemplate> {
  readonly template: T;
  readonly to: Recipient;
  readonly values: MailValues<T>;
  /** Afterwards it is of no use and is not sent: a link ends. */
  readonly usefulMs: number;
}

/** What a waiting mail holds, under the key of its subject. */
export interface MailContent {
  readonly address: string;
  readonly values: Readonly<Record<string, string>>;
}

/** Writes the mail in the transaction of what it tells of. */
export type PostMail = (client: PoolClient) => Promise<void>;

export const mailPlace = (subject: string, mailId: string) => ({ subject, table: 'mails', column: 'content', row: mailId });

export interface OutboxDependencies {
  readonly columns: Pick<PersonalColumns, 'seal'>;
  readonly newId: () => string;
}

/**
 * Mails that are sent if, and only if, what they tell of is committed: `compose` before the transaction, since it seals; what it resolves
 * with within it. When no mail server is configured they wait, and the operator is told how many.
 */
export class MailOutbox {
  constructor(private readonly deps: OutboxDependencies) {}

  /** Throws KeyClientError when the key service does not answer, RangeError for a value that is no plain text. Of an erased subject nothing is sent. */
  async compose<T extends MailTemplate>({ template, to: { subject, address }, values, usefulMs }: Mail<T>): Promise<PostMail> {
    writeMail(template, values);
    const mailId = this.deps.newId();
    const content: MailContent = { address, values };
    const [sealed] = await this.deps.columns.seal([{ ...mailPlace(subject, mailId), text: JSON.stringify(content) }]);
    return async (client) => {
      if (sealed !== undefined) await insertMail(client, { mailId, subject, template, content: sealed, usefulMs });
    };
  }
}
