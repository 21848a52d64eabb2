import { setTimeout as sleep } from 'node:timers/promises';
import { subjectErasedSchema, subjectErasedSubject } from '@countersign/contracts';
import type { FieldKey } from '@countersign/envelope';
import { BusSigner } from './bus-signer.js';
import { FieldCipher } from './field-cipher.js';
import { KeyClient, type KeyClientOptions } from './key-client.js';
import { RefusalCounter } from './refusal-counter.js';
import { SubjectCipher } from './subject-cipher.js';
import { UseCounter } from './use-counter.js';

const REPORT_INTERVAL_MS = 60_000;
const DATA_KEYS_MAX = 1_000;
const SUBJECT_KEYS_MAX = 50_000;
/** A service that ends does not wait longer for the key service to take its last report. */
const LAST_REPORT_MS_MAX = 2_000;

export interface KeysOptions extends KeyClientOptions {
  /** How often counted uses are reported. Default one minute. */
  readonly reportIntervalMs?: number;
  readonly dataKeysMax?: number;
  readonly subjectKeysMax?: number;
  /** Told what failed and is tried again. */
  readonly onError?: (error: unknown) => void;
  /** For tests: milliseconds that never go back. */
  readonly monotonicMs?: () => number;
}

export interface Keys {
  readonly client: KeyClient;
  readonly fields: FieldCipher;
  readonly subjects: SubjectCipher;
  readonly signer: BusSigner;
  /** Reports counted uses and refusals now. */
  report(): Promise<void>;
  /** See KeyClient.endSoon. */
  endSoon(): void;
  /** Reports what was counted (2 s at most) and forgets every key. The bus stays open. Never rejects. */
  close(): Promise<void>;
}

/** What a service needs of the key service, over its own connection to the bus. Asks nothing yet. Throws MessageFault NKEY_MALFORMED. */
export function openKeys(options: KeysOptions): Keys {
  const client = new KeyClient(options);
  const clock = options.clock ?? Date.now;
  const onError = options.onError ?? (() => undefined);
  const monotonicMs = options.monotonicMs ?? (() => performance.now());
  const uses = new UseCounter(client, () => new Date(clock()).toISOString(), onError);
  const refusals = new RefusalCounter(client, () => new Date(clock()).toISOString(), onError);
  const fields = new FieldCipher(client, uses, refusals, { entriesMax: options.dataKeysMax ?? DATA_KEYS_MAX, monotonicMs });
  const subjects = new SubjectCipher(client, uses, refusals, { entriesMax: options.subjectKeysMax ?? SUBJECT_KEYS_MAX, monotonicMs });
  const live = (): [string, FieldKey][] => [...fields.live(), ...subjects.live()];
  uses.start(options.reportIntervalMs ?? REPORT_INTERVAL_MS, live);
  const erasures = options.bus.subscribe(
    subjectErasedSubject('*'),
    ({ data }) => {
      // Anything that is no such message changes nothing; a forged one only costs a request.
      const told = subjectErasedSchema.safeParse(parse(data));
      if (told.success) subjects.drop(told.data.tenant, told.data.subject, told.data.keyId);
    },
    { onError },
  );
  return {
    client,
    fields,
    subjects,
    signer: new BusSigner(client),
    async report() {
      await refusals.report();
      await uses.report(live());
    },
    endSoon: () => client.endSoon(),
    async close() {
      erasures.unsubscribe();
      const told = Promise.all([uses.stop(live()).catch(onError), refusals.stop().catch(onError)]);
      await Promise.race([told, sleep(LAST_REPORT_MS_MAX, undefined, { ref: false })]);
      fields.clear();
      subjects.clear();
    },
  };
}

function parse(data: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(data).toString('utf8'));
  } catch {
    return undefined;
  }
}
