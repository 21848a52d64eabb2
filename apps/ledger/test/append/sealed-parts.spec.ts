import { describe, expect, it } from '@jest/globals';
import { hmacContentDigester } from '../../src/append/content-digest.js';
import { admitMessage } from '../../src/append/intake-message.js';
import { mayHoldPersonal, sealMessage, type ClearPart } from '../../src/append/sealed-parts.js';
import { makeEvent } from '../fixture/ledger-fixture.js';

const DIGESTER = hmacContentDigester(1, Buffer.alloc(32, 7));
const PERSONAL = [{ subject: 'u-1', data: { ip: '203.0.113.9' } }, { subject: 'u-2', data: { ip: '203.0.113.10' } }];

/** What it is asked to seal, and the parts in the clear as if they were sealed. */
async function sealed(body: Buffer): Promise<{ asked: readonly ClearPart[]; byDigest: ReadonlyMap<string, readonly string[]> }> {
  const asked: ClearPart[] = [];
  const admit = () => admitMessage({ source: 'identity', tenant: 'acme' }, body, DIGESTER);
  const parts = await sealMessage('acme', body, admit, {
    seal: async (_tenant, clear) => {
      asked.push(...clear);
      return clear.map(({ json }) => Buffer.from(json));
    },
  });
  return { asked, byDigest: new Map([...parts].map(([digest, buffers]) => [digest, buffers.map(String)])) };
}

describe('the personal parts of a message', () => {
  it('are sealed, those of each event under its content', async () => {
    const events = [makeEvent('acme', { personal: PERSONAL }), makeEvent('acme'), makeEvent('acme', { personal: [PERSONAL[1]!] })];
    const { asked, byDigest } = await sealed(Buffer.from(JSON.stringify(events)));
    expect(asked.map(({ subject, eventId }) => [subject, eventId])).toEqual([['u-1', events[0]!.id], ['u-2', events[0]!.id], ['u-2', events[2]!.id]]);
    expect([...byDigest.values()]).toEqual([['{"ip":"203.0.113.9"}', '{"ip":"203.0.113.10"}'], ['{"ip":"203.0.113.10"}']]);
  });

  it('are found however JSON spells the name', async () => {
    const plain = JSON.stringify(makeEvent('acme', { personal: PERSONAL }));
    for (const name of [String.raw`"person\u0061l"`, String.raw`"\u0070ersonal"`, String.raw`"persona\u006C"`]) {
      const { asked } = await sealed(Buffer.from(plain.replace('"personal"', name)));
      expect(asked).toHaveLength(2);
    }
  });

  it('of two events under one id are kept apart: the second may be the one that is recorded', async () => {
    const first = makeEvent('acme', { personal: [PERSONAL[0]!] });
    const { byDigest } = await sealed(Buffer.from(JSON.stringify([first, { ...first, personal: [PERSONAL[1]!] }, first])));
    expect([...byDigest.values()]).toEqual([['{"ip":"203.0.113.9"}'], ['{"ip":"203.0.113.10"}']]);
  });

  it('of a message that cannot hold any cost no reading', async () => {
    const body = Buffer.from(JSON.stringify([makeEvent('acme', { data: { note: 'personal' } })]));
    expect(mayHoldPersonal(body)).toBe(true);
    const without = Buffer.from(JSON.stringify([makeEvent('acme', { data: { note: 'nothing' } })]));
    expect(mayHoldPersonal(without)).toBe(false);
    const unread = () => {
      throw new Error('read');
    };
    expect((await sealMessage('acme', without, unread, { seal: unread })).size).toBe(0);
  });
});
