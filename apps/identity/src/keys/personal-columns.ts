import type { SubjectCipher } from '@countersign/key-client';
import { IdentityFault } from '../domain/identity-fault.js';

/** A value of a read table that is about a person. */
export interface PersonalValue {
  readonly subject: string;
  readonly table: string;
  readonly column: string;
  readonly row: string;
}

/**
 * Columns about persons lie under the key of their subject, as the personal parts of events do: when it is destroyed they are
 * gone too, from backups as well.
 */
export class PersonalColumns {
  constructor(
    private readonly subjects: SubjectCipher,
    private readonly tenant: string,
  ) {}

  /** In order; undefined for a subject that was erased. Throws KeyClientError when the key service does not answer. */
  async seal(values: readonly (PersonalValue & { readonly text: string })[]): Promise<(string | undefined)[]> {
    const sealed = await this.subjects.sealAll(values.map((value) => ({ ...this.#item(value), bytes: Buffer.from(value.text) })));
    return sealed.map((one) => ('text' in one ? one.text : erasedOrThrow(one.fault)));
  }

  /** In order; undefined for what is not there or was erased. Throws KeyClientError when the key service does not answer. */
  async open(values: readonly (PersonalValue & { readonly sealed: string | null })[]): Promise<(string | undefined)[]> {
    const items = values.flatMap((value) => (value.sealed === null ? [] : [{ ...this.#item(value), text: value.sealed }]));
    const opened = (await this.subjects.openAll(items)).values();
    return values.map(({ sealed }) => {
      if (sealed === null) return undefined;
      const one = opened.next().value!;
      return 'bytes' in one ? one.bytes.toString('utf8') : erasedOrThrow(one.fault);
    });
  }

  #item({ subject, table, column, row }: PersonalValue) {
    return { tenant: this.tenant, subject, context: { table: `identity.${table}`, column, row } };
  }
}

function erasedOrThrow(fault: string): undefined {
  if (fault === 'SUBJECT_ERASED' || fault === 'KEY_DESTROYED') return undefined;
  throw new IdentityFault('IDENTITY_INTERNAL', `a personal column does not open: ${fault}`);
}
