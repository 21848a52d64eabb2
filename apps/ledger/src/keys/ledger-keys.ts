import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BusConnection } from '@countersign/bus';
import { openKeys, type Keys } from '@countersign/key-client';
import { ConfigError, type createRegistry, type Logger } from '@countersign/runtime';
import { Gauge } from 'prom-client';
import { BodySealer } from '../append/body-sealer.js';
import type { LedgerConfig } from '../config.js';
import type { LedgerSecrets } from '../ledger-secrets.js';
import type { CheckpointSigner } from './checkpoint-signer.js';
import { isKeysAway } from './keys-away.js';
import { LocalFields } from './local-fields.js';
import { LocalSigner } from './local-signer.js';
import { PersonalParts } from './personal-parts.js';
import { ServiceFields } from './service-fields.js';
import { ServiceSigner } from './service-signer.js';

const SEALED_FILE = 'signing-keys.sealed';
/** Whoever asks waits this long for nothing while the key service is away: short enough for an orderly shutdown. */
const ASK_MS_MAX = 3_000;

/** The keys that a ledger works with, whoever holds them. */
export interface LedgerKeys {
  readonly signer: CheckpointSigner;
  /** Key of the digests that tell a retry from a reused event id. */
  readonly contentDigestKey: { readonly version: number; readonly key: Buffer };
  /** Seals and opens what is kept beside the chain. */
  readonly bodies: BodySealer;
  /** Undefined when the keys lie in a sealed file: personal parts are salted only. */
  readonly personal: PersonalParts | undefined;
  /** The key service, for whoever brings fields under newer versions of their keys; keys of a sealed file have none. */
  readonly service: Keys | undefined;
  /** Has a log's keys made. Waits for nobody who may be away: until they are there, checkpoints wait. */
  prepare(origin: string): Promise<void>;
  /** Never rejects. */
  close(): Promise<void>;
}

export interface LedgerKeysDependencies {
  readonly bus: BusConnection;
  readonly secrets: Pick<LedgerSecrets, 'natsSeed' | 'keysPassphrase'>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly registry: ReturnType<typeof createRegistry>;
}

/** Asks nothing of the key service yet: the ledger starts without it. Throws SealedFileError, ConfigError. */
export async function openLedgerKeys(config: LedgerConfig, deps: LedgerKeysDependencies): Promise<LedgerKeys> {
  const local = await LocalSigner.open({
    path: join(config.keysDir, SEALED_FILE),
    keyPath: join(config.keysDir, 'sealing.key'),
    passphrase: deps.secrets.keysPassphrase,
  });
  const { contentDigestKey } = local;
  const localFields = new LocalFields(contentDigestKey.key);
  if (config.keys === 'sealed-file') {
    const prepare = async (origin: string): Promise<void> => void (await local.vkeys(origin));
    const bodies = new BodySealer(localFields, contentDigestKey.key);
    return { signer: local, contentDigestKey, bodies, personal: undefined, service: undefined, prepare, close: async () => undefined };
  }
  refuseOwnCheckpointKeys(config.keysDir);
  const service = openService(config, deps);
  const vkeysDir = join(config.stateDir, 'vkeys');
  mkdirSync(vkeysDir, { recursive: true, mode: 0o700 });
  const signer = new ServiceSigner(service.signer, vkeysDir);
  const prepare = async (origin: string): Promise<void> => {
    signer.vkeys(origin).catch((error: unknown) => {
      if (!isKeysAway(error)) deps.log.warn({ err: error, origin }, 'no checkpoint keys, they are asked for again');
    });
  };
  const bodies = new BodySealer(new ServiceFields(service.fields, localFields), contentDigestKey.key);
  return { signer, contentDigestKey, bodies, personal: new PersonalParts(service.subjects), service, prepare, close: () => service.close() };
}

/** Checkpoints that this ledger signed itself could not be verified by the key service's keys: it would look broken. */
function refuseOwnCheckpointKeys(keysDir: string): void {
  if (!readdirSync(keysDir).some((name) => name.startsWith(`${SEALED_FILE}.`))) return;
  throw new ConfigError([{ name: 'LEDGER_KEYS', problem: 'must be sealed-file: checkpoints of this ledger were signed by keys of its own' }]);
}

function openService(config: LedgerConfig, { bus, secrets, log, registry }: LedgerKeysDependencies): Keys {
  const available = new Gauge({ name: 'countersign_ledger_keys_available', help: '1 while the key service answers, 0 while it is away', registers: [registry] });
  // Until something is asked of it, nothing speaks against it.
  let isAvailable = true;
  available.set(1);
  const onReached = (isReached: boolean): void => {
    if (isReached === isAvailable) return;
    isAvailable = isReached;
    available.set(isReached ? 1 : 0);
    if (isReached) log.info({}, 'the key service answers again');
    else log.warn({}, 'the key service is away: checkpoints wait, and events with personal parts whose keys are not at hand');
  };
  return openKeys({
    bus,
    service: 'ledger',
    nkeySeed: secrets.natsSeed,
    keysPublicKeyFile: config.keysPublicKeyFile,
    timeoutMs: ASK_MS_MAX,
    onReached,
    onError: (error) => log.warn({ err: error }, 'uses of keys not reported, they are reported again'),
  });
}
