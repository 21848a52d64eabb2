import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatCheckpoint, parseCheckpoint, type NoteSignature, type TreeHead } from '@countersign/chain';
import { LocalSigner } from '../../src/keys/local-signer.js';
import { describeTampering } from '../fixture/tampering-cases.js';
import { SIZE, type TamperingFixture } from '../fixture/tampering-fixture.js';

/** A note with signatures by keys that an attacker made for the same origin. */
async function signedByOthers(head: TreeHead): Promise<readonly NoteSignature[]> {
  const dir = await mkdtemp(join(tmpdir(), 'countersign-other-'));
  try {
    const signer = await LocalSigner.open({ path: join(dir, 'keys.sealed'), keyPath: join(dir, 'keys.key') });
    return await signer.sign(head, 1_800_000_000);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

type Remake = (head: TreeHead, note: string) => Promise<string> | string;

/** Replaces the note of the checkpoint of one size. */
async function remake({ superuser, victim }: TamperingFixture, treeSize: number, change: Remake): Promise<void> {
  const { root, note } = (await superuser.checkpoints()).find((row) => row.treeSize === treeSize)!;
  const changed = await change({ origin: victim.origin, treeSize, root }, note);
  await superuser.sql('UPDATE checkpoints SET note = $3 WHERE ledger_id = $1 AND tree_size = $2', [treeSize, changed]);
}

const byOthers: Remake = async (head) => formatCheckpoint(head, await signedByOthers(head));
/** Under the names of our keys, which anybody can write down. */
const byOthersInOurName: Remake = async (head, note) => {
  const ours = parseCheckpoint(note).signatures;
  return formatCheckpoint(head, (await signedByOthers(head)).map(({ signature }, i) => ({ ...ours[i]!, signature })));
};
const bitFlipped = (which: number): Remake => (head, note) => {
  const signatures = parseCheckpoint(note).signatures.map((line, i) => (i === which ? { ...line, signature: flipped(line.signature) } : line));
  return formatCheckpoint(head, signatures);
};
const flipped = (bytes: Buffer): Buffer => Buffer.from(bytes).fill(bytes.at(-1)! ^ 1, bytes.length - 1);

describeTampering('checkpoints', [
  {
    attack: 'checkpoint replaced by one with another key’s signatures',
    tamper: (f) => remake(f, SIZE, byOthers),
    code: 'CHECKPOINT_SIGNATURE_MISSING',
    firstIndex: 699,
    inTail: true,
    stranger: ['CHECKPOINT_SIGNATURE_MISSING'],
  },
  {
    attack: 'checkpoint replaced by one with another key’s signatures in our keys’ names',
    tamper: (f) => remake(f, SIZE, byOthersInOurName),
    code: 'CHECKPOINT_SIGNATURE_INVALID',
    firstIndex: 699,
    inTail: true,
    stranger: ['CHECKPOINT_SIGNATURE_INVALID'],
  },
  {
    attack: 'checkpoint replaced: an older one',
    tamper: (f) => remake(f, 300, byOthers),
    code: 'CHECKPOINT_SIGNATURE_MISSING',
    firstIndex: 299,
    inTail: false,
    stranger: 'intact',
  },
  {
    attack: 'checkpoint’s Ed25519 signature: one bit flipped',
    tamper: (f) => remake(f, SIZE, bitFlipped(0)),
    code: 'CHECKPOINT_SIGNATURE_INVALID',
    firstIndex: 699,
    inTail: true,
    stranger: ['CHECKPOINT_SIGNATURE_INVALID'],
  },
  {
    attack: 'checkpoint’s ML-DSA-44 signature: one bit flipped',
    tamper: (f) => remake(f, SIZE, bitFlipped(1)),
    code: 'CHECKPOINT_SIGNATURE_INVALID',
    firstIndex: 699,
    inTail: true,
    stranger: ['CHECKPOINT_SIGNATURE_INVALID'],
  },
  {
    attack: 'checkpoint’s ML-DSA-44 signature taken away',
    tamper: (f) => remake(f, SIZE, (head, note) => formatCheckpoint(head, parseCheckpoint(note).signatures.slice(0, 1))),
    code: 'CHECKPOINT_SIGNATURE_MISSING',
    firstIndex: 699,
    inTail: true,
    stranger: ['CHECKPOINT_SIGNATURE_MISSING'],
  },
  {
    attack: 'checkpoint’s note emptied',
    tamper: (f) => remake(f, 640, () => ''),
    code: 'NOTE_MALFORMED',
    firstIndex: 639,
    inTail: false,
    stranger: 'intact',
  },
  {
    attack: 'checkpoint’s root column edited',
    tamper: ({ superuser }) => superuser.sql('UPDATE checkpoints SET root_hash = sha256(root_hash) WHERE ledger_id = $1 AND tree_size = 640', []),
    code: 'CHECKPOINT_ALTERED',
    firstIndex: 639,
    inTail: false,
    stranger: 'intact',
  },
  {
    attack: 'checkpoint’s time column edited',
    tamper: ({ superuser }) => superuser.sql(`UPDATE checkpoints SET signed_at = signed_at - interval '1 day' WHERE ledger_id = $1 AND tree_size = 700`, []),
    code: 'CHECKPOINT_ALTERED',
    firstIndex: 699,
    inTail: true,
    stranger: 'intact',
  },
  {
    attack: 'checkpoint filed under another size',
    tamper: ({ superuser }) => superuser.sql('UPDATE checkpoints SET tree_size = 310 WHERE ledger_id = $1 AND tree_size = 300', []),
    code: 'CHECKPOINT_ALTERED',
    firstIndex: 309,
    inTail: false,
    stranger: 'intact',
  },
  {
    attack: 'checkpoint’s note replaced by another ledger’s',
    tamper: ({ superuser, other }) =>
      superuser.sql('UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE ledger_id = $2) WHERE ledger_id = $1 AND tree_size = 700', [other.ledgerId]),
    code: 'CHECKPOINT_ORIGIN_MISMATCH',
    firstIndex: 699,
    inTail: true,
    stranger: ['CHECKPOINT_ORIGIN_MISMATCH'],
  },
  {
    attack: 'latest checkpoint deleted',
    tamper: ({ superuser }) => superuser.sql('DELETE FROM checkpoints WHERE ledger_id = $1 AND tree_size = 700', []),
    code: 'CHECKPOINT_MISSING',
    firstIndex: 699,
    inTail: true,
    stranger: 'intact',
    returning: ['LEDGER_ROLLED_BACK'],
  },
  {
    attack: 'all checkpoints deleted',
    tamper: ({ superuser }) => superuser.sql('DELETE FROM checkpoints WHERE ledger_id = $1', []),
    code: 'CHECKPOINT_MISSING',
    firstIndex: 99,
    inTail: true,
    stranger: ['NOTHING_TO_EXPORT'],
  },
  {
    attack: 'checkpoint invented for a size that is not reached',
    tamper: async ({ superuser, victim }) => {
      const head = { origin: victim.origin, treeSize: 900, root: Buffer.alloc(32, 7) };
      const note = formatCheckpoint(head, await signedByOthers(head));
      await superuser.sql('INSERT INTO checkpoints (ledger_id, tree_size, root_hash, note, signed_at) VALUES ($1, 900, $2, $3, now())', [head.root, note]);
    },
    code: 'CHECKPOINT_SIGNATURE_MISSING',
    firstIndex: 899,
    inTail: true,
    stranger: ['EXPORT_TRUNCATED', 700],
  },
]);
