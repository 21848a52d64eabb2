import { readFileSync } from 'node:fs';

/**
 * What a mail says. Its file has the subject in the first line and the text below, with `{{name}}` for each value.
 * A subject takes no values, and no value is anybody's free text: nobody writes into our mails, and nothing of theirs reaches a header.
 */
export const MAIL_VALUES = {
  invitation: ['organization', 'link', 'until'],
  'set-password': ['organization', 'link', 'until'],
  'password-reset': ['link', 'until'],
  'password-was-reset': ['at'],
  'password-changed': ['at', 'ip'],
  'factor-added': ['factor', 'at', 'ip'],
  'factor-removed': ['factor', 'at', 'ip'],
  'api-key-made': ['key', 'at', 'ip'],
  'email-change': ['link', 'until'],
  'email-changed': ['at'],
  'mfa-reset': ['at'],
  'account-locked': ['failures', 'at', 'hours'],
  'new-sign-in': ['at', 'ip'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type MailTemplate = keyof typeof MAIL_VALUES;
export type MailValues<T extends MailTemplate> = Readonly<Record<(typeof MAIL_VALUES)[T][number], string>>;

/** Visible ASCII and single blanks: what links, times, numbers, addresses and ids are made of. */
const PLAIN = /^[\x21-\x7e]+( [\x21-\x7e]+)*$/;

export interface WrittenMail {
  readonly subject: string;
  readonly text: string;
}

interface Loaded {
  readonly subject: string;
  readonly body: string;
}

const FOLDER = new URL('../../mail/', import.meta.url);
const TEMPLATES = Object.fromEntries(Object.keys(MAIL_VALUES).map((name) => [name, load(name as MailTemplate)])) as Readonly<Record<MailTemplate, Loaded>>;

export const isMailTemplate = (name: string): name is MailTemplate => Object.hasOwn(MAIL_VALUES, name);

/** Throws RangeError for a value that is missing, is not plain, or has no place in the text. */
export function writeMail(template: MailTemplate, values: Readonly<Record<string, string>>): WrittenMail {
  const { subject, body } = TEMPLATES[template];
  const names: readonly string[] = MAIL_VALUES[template];
  const unfit = [...names.filter((name) => !PLAIN.test(values[name] ?? '')), ...Object.keys(values).filter((name) => !names.includes(name))];
  if (unfit.length > 0) throw new RangeError(`mail ${template}: ${unfit.join(', ')} cannot be written`);
  return { subject, text: body.replace(/\{\{([a-z]+)\}\}/g, (_place, name: string) => values[name]!) };
}

/** Throws when the file is not there, or takes other values than it is given. */
function load(name: MailTemplate): Loaded {
  const [subject = '', ...lines] = readFileSync(new URL(`${name}.txt`, FOLDER), 'utf8').split('\n');
  const body = lines.join('\n');
  const places = new Set([...body.matchAll(/\{\{([a-z]+)\}\}/g)].map(([, place]) => place!));
  const isComplete = MAIL_VALUES[name].length === places.size && MAIL_VALUES[name].every((value) => places.has(value));
  if (!PLAIN.test(subject) || subject.includes('{{') || !isComplete) throw new Error(`mail/${name}.txt is not as the program needs it`);
  return { subject, body };
}
