const NAME_CANARY = 'Rosalind Quillfeather-Obi';
const NATIONAL_ID_CANARY = '1890-7741-2236-05';
const MAIL_CANARY = 'rosalind@quillfeather.example';
/** RFC 3849: documentation. */
const ADDRESS_CANARY = '2001:db8:7c1f:19aa::e51';
/** Facts about a person who does not exist: wherever they stand in the clear, so would anybody's. */
export const PERSONAL_CANARIES = { name: NAME_CANARY, nationalId: NATIONAL_ID_CANARY, mail: MAIL_CANARY, address: ADDRESS_CANARY };

const KNOWN_SUBJECTS = 7;

/** Personal parts of event number `n` of a producer under test: one event of five has one, and half of these are about somebody new. */
export function personalOf(n: number): { subject: string; data: Record<string, string> }[] | undefined {
  if (n % 5 !== 0) return undefined;
  const subject = n % 10 === 0 ? `new-${n}` : `subject-${n % KNOWN_SUBJECTS}`;
  return [{ subject, data: { name: `${NAME_CANARY} ${n}`, nationalId: NATIONAL_ID_CANARY, mail: MAIL_CANARY, ip: ADDRESS_CANARY } }];
}
