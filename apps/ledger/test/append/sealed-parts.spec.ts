import { describe, expect, it } from '@jest/globals';
import { readPersonal } from '../../src/append/intake-message.js';
import { mayHoldPersonal, sealMessage, type ClearPart } from '../../src/append/sealed-parts.js';
import { makeEvent } from '../fixture/ledger-fixture.js';

const PERSONAL = [{ subject: 'u-1', data: { ip: '203.0.113.9' } }, { subject: 'u-2', data: { ip: '203.0.113.10' } }];

/** What it is asked to seal, and the parts in the clear as if they were sealed, by the places of the message's events. */
async function sealed(body: Buffer, events: number): Promise<{ asked: readonly ClearPart[]; byPlace: readonly (readonly string[])[] }> {
  const asked: ClearPart[] = [];
  const parts = await sealMessage('acme', body, () => readPersonal({ source: 'identity', tenant: 'acme' }, body), {
    seal: async (_tenant, clear) => {
      asked.push(...clear);
      return clear.map(({ json }) => ({ text: json, digest: '', isErased: false }));
    },
  });
  return { asked, byPlace: Array.from({ length: events }, (_, place) => parts.ofEvent(place).map(({ bytes }) => bytes.toString())) };
}

describe('the personal parts of a message', () => {
  it('are sealed, those of each event in its place', async () => {
    const events = [makeEvent('acme', { personal: PERSONAL }), makeEvent('acme'), makeEvent('acme', { personal: [PERSONAL[1]!] })];
    const { asked, byPlace } = await sealed(Buffer.from(JSON.stringify(events)), events.length + 1);
    expect(asked.map(({ subject, eventId }) => [subject, eventId])).toEqual([['u-1', events[0]!.id], ['u-2', events[0]!.id], ['u-2', events[2]!.id]]);
    expect(byPlace).toEqual([['{"ip":"203.0.113.9"}', '{"ip":"203.0.113.10"}'], [], ['{"ip":"203.0.113.10"}'], []]);
  });

  it('are found however JSON spells the name', async () => {
    const plain = JSON.stringify(makeEvent('acme', { personal: PERSONAL }));
    for (const name of [String.raw`"person\u0061l"`, String.raw`"\u0070ersonal"`, String.raw`"persona\u006C"`]) {
      const { asked } = await sealed(Buffer.from(plain.replace('"personal"', name)), 1);
      expect(asked).toHaveLength(2);
    }
  });

  it('of two events under one id are kept apart: the second may be the one that is recorded', async () => {
    const first = makeEvent('acme', { personal: [PERSONAL[0]!] });
    const { byPlace } = await sealed(Buffer.from(JSON.stringify([first, { ...first, personal: [PERSONAL[1]!] }, first])), 3);
    expect(byPlace).toEqual([['{"ip":"203.0.113.9"}'], ['{"ip":"203.0.113.10"}'], ['{"ip":"203.0.113.9"}']]);
  });

  it('keep their places beside events that are refused, and are none in a message that cannot be read', async () => {
    const good = makeEvent('acme', { personal: PERSONAL });
    const bad = [null, 7, { ...good, personal: 'none' }, { ...good, id: 'x' }, { ...good, personal: [{ subject: 'a@b.example', data: {} }] }];
    expect((await sealed(Buffer.from(JSON.stringify([...bad, good])), bad.length + 1)).byPlace).toEqual([[], [], [], [], [], PERSONAL.map(({ data }) => JSON.stringify(data))]);
    expect((await sealed(Buffer.from('[{"personal"'), 1)).byPlace).toEqual([[]]);
  });

  it('of a message that cannot hold any cost no reading', async () => {
    const body = Buffer.from(JSON.stringify([makeEvent('acme', { data: { note: 'personal' } })]));
    expect(mayHoldPersonal(body)).toBe(true);
    const without = Buffer.from(JSON.stringify([makeEvent('acme', { data: { note: 'nothing' } })]));
    expect(mayHoldPersonal(without)).toBe(false);
    const unread = () => {
      throw new Error('read');
    };
    expect((await sealMessage('acme', without, unread, { seal: unread })).ofEvent(0)).toEqual([]);
  });
});
