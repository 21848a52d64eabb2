import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buffer } from 'node:stream/consumers';
import { verifyCertificate } from '@countersign/certificates';
import { parseVkey } from '@countersign/chain';
import { connectBus, type BusConnection } from '@countersign/bus';
import type { ErasureStatement, HeldKey, HeldKind, HolderArgs, HolderResult, SubjectRequestView } from '@countersign/contracts';
import { wanted } from '@countersign/devstack';
import { PersonResponder, registerType, type SubjectHolder } from '@countersign/holder';
import { createPool, withClient, type Pool } from '@countersign/postgres';
import yauzl from 'yauzl';
import { found, type Person, type Stand } from '../fixture/stand.js';

const HOLDER = 'system.voice';
const TYPE = 'system.memo';
const KIND: HeldKind = { holder: HOLDER, type: TYPE, class: 'content', count: 1, onErasure: 'deleted', under: [] };

/** A service with a table of notes about persons. */
class Notes implements SubjectHolder {
  /** In the place of what it would say. */
  said: Partial<HolderResult<'held-subject'>> = {};

  constructor(private readonly pool: Pool) {}

  async show({ subject }: HolderArgs<'held-subject'>): Promise<HolderResult<'held-subject'>> {
    const { rows } = await this.pool.query<{ count: number }>('SELECT count(*)::int AS count FROM notes WHERE subject = $1', [subject]);
    return { types: [{ ...KIND, count: rows[0]!.count }], keys: [], ...this.said };
  }

  async export({ subject, after }: HolderArgs<'held-export'>): Promise<HolderResult<'held-export'>> {
    const { rows } = await this.pool.query<{ id: string; text: string }>('SELECT id, text FROM notes WHERE subject = $1 AND id > $2 ORDER BY id LIMIT 1', [subject, after ?? '']);
    return { records: rows.map(({ id, text }) => ({ type: TYPE, class: 'content', id, value: { text } })), ...(rows[0] === undefined ? {} : { next: rows[0].id }) };
  }

  async scrub({ subject, requestId, keep }: HolderArgs<'held-scrub-subject'>): Promise<HolderResult<'held-scrub-subject'>> {
    const { rowCount } = keep.includes(TYPE) ? { rowCount: 0 } : await this.pool.query('UPDATE notes SET subject = NULL, text = NULL, gone_by = $2 WHERE subject = $1', [subject, requestId]);
    const { rows } = await this.pool.query<{ count: number }>('SELECT count(*)::int AS count FROM notes WHERE gone_by = $1', [requestId]);
    return { scrubbed: rowCount === null || rows[0]!.count === 0 ? [] : [{ holder: HOLDER, type: TYPE, class: 'content', action: 'deleted', count: rows[0]!.count }], kept: [], keys: [], held: [] };
  }
}

async function fileIn(zip: Buffer, name: string): Promise<string | undefined> {
  const reader = await yauzl.fromBufferPromise(zip);
  for await (const entry of reader.eachEntry()) if (entry.fileName === name) return (await buffer(await reader.openReadStreamPromise(entry))).toString();
  return undefined;
}

const answersOverOthers = (key: HeldKey): readonly Partial<HolderResult<'held-subject'>>[] => [
  { keys: [key] },
  { types: [{ ...KIND, under: [key] }] },
  { types: [{ ...KIND, subjects: [key.subject] }] },
  { types: [{ ...KIND, tenant: 'home' }] },
  { types: [{ ...KIND, holder: 'identity' }] },
  { types: [{ ...KIND, type: 'account' }] },
];

const requestsOf = async ({ browser }: Person): Promise<SubjectRequestView[]> => wanted(await browser.get('/v1/account/privacy/requests'), 200).json['requests'] as SubjectRequestView[];

/** A service on NATS that answers for persons. */
export function busPersonSuite(open: () => Stand): void {
  describe('a service on NATS that holds something of persons', () => {
    let stand: Stand;
    let bus: BusConnection;
    let pool: Pool;
    let notes: Notes;
    let responder: PersonResponder;
    const answer = async (): Promise<void> => {
      responder = new PersonResponder({ bus, service: HOLDER, onError: () => undefined }, notes);
      await responder.start();
    };
    const noted = (person: Person, ...texts: readonly string[]): Promise<unknown> => Promise.all(texts.map((text, at) => pool.query('INSERT INTO notes (id, subject, text) VALUES ($1, $2, $3)', [`${person.account.userId}/${String(at)}`, person.account.userId, text])));
    beforeAll(async () => {
      stand = open();
      bus = await connectBus({ url: stand.stack.nats.url, nkeySeedFile: stand.stack.nats.holderSeedFile({ tenant: 'system', service: 'voice' }), name: HOLDER });
      const url = await stand.stack.createDatabase('notes');
      await withClient(url, (client) => client.query('CREATE TABLE notes (id text COLLATE "C" PRIMARY KEY, subject text, text text, gone_by text)'));
      pool = createPool({ url, max: 4, applicationName: 'notes' });
      notes = new Notes(pool);
      await answer();
      await registerType(bus, 'system', 'voice', { type: TYPE, clock: 'created', actions: ['delete'], classes: ['content'], persons: true });
    }, 60_000);
    afterAll(async () => {
      // Nobody answers for it any more.
      wanted(await stand.admin.browser.post(`/v1/retention/types/${TYPE}/withdraw`, { reason: 'a test' }), 204);
      await responder.stop();
      await bus.close();
      await pool.end();
    });

    it('tells the person what that is, and what is in it goes into the export', async () => {
      const person = await stand.person();
      await noted(person, 'prefers the window', 'is fond of tea');
      const { types } = wanted(await person.browser.get('/v1/account/privacy'), 200).json as { types: object[] };
      expect(types).toContainEqual({ holder: HOLDER, type: TYPE, class: 'content', count: 2, onErasure: 'deleted' });
      const { requestId } = wanted(await person.browser.post('/v1/account/privacy/export', {}), 202).json as unknown as SubjectRequestView;
      await found('the export is ready', async () => (await requestsOf(person)).find((one) => one.requestId === requestId && one.state === 'ready'));
      const { url } = wanted(await person.browser.post(`/v1/account/privacy/requests/${requestId}/link`), 200).json as { url: string };
      const lines = (await fileIn(wanted(await person.browser.get(url), 200).bytes, `data/${HOLDER}.jsonl`))!.trimEnd().split('\n').map((line) => JSON.parse(line) as { value: unknown });
      expect(lines.map(({ value }) => value)).toEqual([{ text: 'prefers the window' }, { text: 'is fond of tea' }]);
    });

    it('erases it with everything else, also when it was away; until then nothing is certified, and what is ours is gone', async () => {
      const [person, other] = [await stand.person(), await stand.person()];
      await noted(person, 'prefers the aisle');
      const { certificateUrl } = wanted(await person.browser.post('/v1/account/privacy/delete', {}), 202).json as unknown as SubjectRequestView & { certificateUrl: string };
      await responder.stop();
      await found('the account is gone', async () => (await person.browser.get('/v1/account/profile')).status === 401 || undefined);
      expect((await other.browser.get(certificateUrl)).status).not.toBe(200);
      await answer();
      const { certificate, vkey } = await found('the certificate', async () => {
        const { status, json } = await other.browser.get(certificateUrl);
        return status === 200 ? (json as unknown as { certificate: string; vkey: string }) : undefined;
      });
      const { scrubbed } = verifyCertificate(certificate, [parseVkey(vkey)]).statement as unknown as ErasureStatement;
      expect(scrubbed).toContainEqual({ holder: HOLDER, type: TYPE, class: 'content', action: 'deleted', count: 1 });
      expect((await pool.query('SELECT FROM notes WHERE subject = $1 OR text = $2', [person.account.userId, 'prefers the aisle'])).rowCount).toBe(0);
    });

    it('counts for its own types, tenant and persons, and for nothing else', async () => {
      const person = await stand.person();
      for (const said of answersOverOthers({ tenant: 'system', subject: stand.admin.account.userId })) {
        notes.said = said;
        expect([said, (await person.browser.get('/v1/account/privacy')).json.code]).toEqual([said, 'RETENTION_INTERNAL']);
      }
      notes.said = {};
      wanted(await person.browser.get('/v1/account/privacy'), 200);
    });
  });
}
