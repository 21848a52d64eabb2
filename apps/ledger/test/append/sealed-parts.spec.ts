import { describe, expect, it } from '@jest/globals';
import { admitMessage, readPersonal } from '../../src/append/intake-message.js';
import { mayHoldPersonal, sealMessage, type AtOnceSealer, type ClearPart, type MessageParts } from '../../src/append/sealed-parts.js';
import { makeEvent } from '../fixture/ledger-fixture.js';
import { DIGESTER } from './append-stand.js';

const ADDRESS = { source: 'identity', tenant: 'acme' };
const PERSONAL = [{ subject: 'u-1', data: { ip: '203.0.113.9' } }, { subject: 'u-2', data: { ip: '203.0.113.10' } }];

/** What it is asked to seal, and the parts in the clear as if they were sealed, by the places of the message's events. */
async function sealed(body: Buffer, events: number): Promise<{ asked: readonly ClearPart[]; byPlace: readonly (readonly string[])[] }> {
  const asked: ClearPart[] = [];
  const seal = async (_tenant: string, clear: readonly ClearPart[]) => {
    asked.push(...clear);
    return clear.map(({ json }) => ({ bytes: Buffer.from(json), digest: '', isErased: false }));
  };
  const parts = await sealMessage('acme', body, () => readPersonal(ADDRESS, body), { seal }, true);
  const admitted = admittedOf(Buffer.from(JSON.stringify([makeEvent('acme')])))[0]!;
  return { asked, byPlace: Array.from({ length: events }, (_, place) => shown(parts.ofEvent(place, admitted))) };
}

const shown = (parts: ReturnType<MessageParts['ofEvent']>): string[] => parts.map(({ bytes }) => bytes.toString());
const admittedOf = (body: Buffer) => [...admitMessage(ADDRESS, body, DIGESTER)].flatMap((one) => ('admitted' in one ? [one.admitted] : []));

/** How a message's parts were sealed, where the keys of `atHand` are at hand. */
async function way(body: Buffer, atHand: readonly string[], isFirstTime = true): Promise<{ way: 'before' | 'in turn'; byEvent: readonly (readonly string[])[] }> {
  let before = 0;
  const seal = async (_tenant: string, clear: readonly ClearPart[]) => clear.map(({ json }) => (before++, { bytes: Buffer.from(json), digest: '', isErased: false }));
  const atOnce: AtOnceSealer = {
    forSubjects: (tenant, subjects) =>
      tenant === 'acme' && [...subjects].every((subject) => atHand.includes(subject))
        ? ({ subject, eventId, json }) => ({ bytes: Buffer.from(`${subject} ${eventId} ${json}`), digest: 'd', isErased: false })
        : undefined,
  };
  const parts = await sealMessage('acme', body, () => readPersonal(ADDRESS, body), { seal, atOnce }, isFirstTime);
  const byEvent = admittedOf(body).map((admitted, place) => shown(parts.ofEvent(place, admitted)));
  return { way: before > 0 ? 'before' : 'in turn', byEvent };
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
    expect((await sealMessage('acme', without, unread, { seal: unread }, true)).isEmpty).toBe(true);
  });
});

describe('personal parts whose keys are at hand', () => {
  const events = [makeEvent('acme', { personal: PERSONAL }), makeEvent('acme'), makeEvent('acme', { personal: [PERSONAL[1]!] })];
  const body = Buffer.from(JSON.stringify(events));

  it("are sealed in their event's turn", async () => {
    expect(await way(body, ['u-1', 'u-2'])).toEqual({
      way: 'in turn',
      byEvent: [[`u-1 ${events[0]!.id} {"ip":"203.0.113.9"}`, `u-2 ${events[0]!.id} {"ip":"203.0.113.10"}`], [], [`u-2 ${events[2]!.id} {"ip":"203.0.113.10"}`]],
    });
  });

  it.each([
    ['with spaces, as other writers of JSON put them', Buffer.from(body.toString().replaceAll('"subject":', '"subject" : '))],
    ['beside texts that look like it', Buffer.from(JSON.stringify([...events, makeEvent('acme', { data: { kind: 'subject' } })]))],
  ])('are found when they are spelled %s', async (_how, message) => {
    expect((await way(message, ['u-1', 'u-2'])).way).toBe('in turn');
  });

  it.each([
    ['a key is missing', body, ['u-1'], true],
    ['it comes again', body, ['u-1', 'u-2'], false],
    ['a subject may be spelled in another way', Buffer.from(body.toString().replaceAll('"u-1"', String.raw`"\u0075-1"`)), ['u-1', 'u-2'], true],
    ['it names no subject in a way that is known', Buffer.from(body.toString().replaceAll('"subject"', String.raw`"s\u0075bject"`)), ['u-1', 'u-2'], true],
    ['something else is called a subject', Buffer.from(JSON.stringify([...events, makeEvent('acme', { data: { subject: 'of a mail' } })])), ['u-1', 'u-2'], true],
  ])('are sealed before when %s', async (_why, message, atHand, isFirstTime) => {
    expect((await way(message, atHand, isFirstTime)).way).toBe('before');
  });
});
