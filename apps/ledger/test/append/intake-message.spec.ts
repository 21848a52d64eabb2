import { describe, expect, it } from '@jest/globals';
import { ChainFault, MESSAGE_BYTES_MAX, type FaultCode } from '@countersign/chain';
import { hmacContentDigester } from '../../src/append/content-digest.js';
import { admitMessage, parseIntakeSubject, type Admission } from '../../src/append/intake-message.js';
import { makeEvent, makeEvents } from '../fixture/ledger-fixture.js';

const ADDRESS = { source: 'identity', tenant: 'acme' };
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const outcome = (admission: Admission): string => ('admitted' in admission ? 'admitted' : admission.refused.code);
const DIGESTER = hmacContentDigester(1, Buffer.alloc(32, 7));
const admitAll = (body: Uint8Array): Admission[] => [...admitMessage(ADDRESS, body, DIGESTER)];
const outcomes = (body: Uint8Array): string[] => admitAll(body).map(outcome);
const event = (given: Record<string, unknown> = {}): Record<string, unknown> => ({ ...makeEvent('acme'), ...given });

const REFUSED: ReadonlyArray<readonly [why: string, code: FaultCode, value: unknown, field: string | undefined]> = [
  ['a number', 'EVENT_NOT_OBJECT', 7, undefined],
  ['a text', 'EVENT_NOT_OBJECT', 'event', undefined],
  ['null', 'EVENT_NOT_OBJECT', null, undefined],
  ['a list inside the list', 'EVENT_NOT_OBJECT', [[]], undefined],
  ['an unknown field', 'EVENT_FIELD_UNKNOWN', event({ colour: 'red' }), 'colour'],
  ['a missing actor', 'EVENT_FIELD_MISSING', event({ actor: undefined }), 'actor'],
  ['an upper-case id', 'EVENT_FIELD_INVALID', event({ id: 'A0B1C2D3-0000-7000-8000-000000000000' }), 'id'],
  ['an email as actor', 'EVENT_FIELD_INVALID', event({ actor: { type: 'user', id: 'a@example.com' } }), 'actor.id'],
  ['another source than the subject’s', 'EVENT_SOURCE_MISMATCH', event({ source: 'keys' }), 'source'],
  ['another tenant than the subject’s', 'EVENT_TENANT_MISMATCH', event({ tenant: 'globex' }), 'tenant'],
  ['more than 64 KiB', 'EVENT_TOO_LARGE', event({ data: { text: 'x'.repeat(64 * 1024) } }), undefined],
];

describe('a message of the intake', () => {
  it.each(REFUSED)('refuses %s with %s', (_why, code, value, field) => {
    const [admission] = admitAll(json([value]));
    const fault = 'refused' in admission! ? admission.refused : undefined;
    expect({ code: fault?.code, field: fault?.detail.field }).toEqual({ code, field });
  });

  it('carries one event bare, or 1 to 500 in a list', () => {
    expect(outcomes(json(event()))).toEqual(['admitted']);
    expect(outcomes(json(makeEvents('acme', 500)))).toHaveLength(500);
    expect(outcomes(json([]))).toEqual(['MESSAGE_EVENT_COUNT']);
    expect(outcomes(json(makeEvents('acme', 501)))).toEqual(['MESSAGE_EVENT_COUNT']);
  });

  it('is at most 512 KiB', () => {
    const padded = (bytes: number): Buffer => Buffer.concat([json(event()), Buffer.alloc(bytes, ' ')]).subarray(0, bytes);
    expect(outcomes(padded(MESSAGE_BYTES_MAX))).toEqual(['admitted']);
    expect(outcomes(padded(MESSAGE_BYTES_MAX + 1))).toEqual(['MESSAGE_TOO_LARGE']);
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['no JSON', Buffer.from('{"id":')],
    ['JSON and more', Buffer.from('{} {}')],
    ['a byte order mark', Buffer.from('\uFEFF{}')],
    ['bytes that are no UTF-8', Buffer.concat([Buffer.from('{"id":"'), Buffer.of(0xc3, 0x28), Buffer.from('"}')])],
    ['a surrogate encoded alone', Buffer.concat([Buffer.from('{"id":"'), Buffer.of(0xed, 0xa0, 0x80), Buffer.from('"}')])],
  ])('that holds %s is one refusal, kept as it came', (_why, body) => {
    const [admission, ...rest] = admitAll(body);
    expect(rest).toEqual([]);
    expect(outcome(admission!)).toBe('MESSAGE_NOT_JSON');
    expect('refused' in admission! && admission.eventId).toBe(undefined);
    expect('refused' in admission! && Buffer.from(admission.body).equals(body)).toBe(true);
  });

  it('refuses a bad event alone, and says which it was', () => {
    const bad = event({ severity: 'dire' });
    const admissions = admitAll(json([event(), bad, event(), { id: 9 }, event()]));
    expect(admissions.map(outcome)).toEqual(['admitted', 'EVENT_FIELD_INVALID', 'admitted', 'EVENT_FIELD_INVALID', 'admitted']);
    const refused = admissions.flatMap((admission) => ('refused' in admission ? [admission] : []));
    expect(refused.map(({ eventId }) => eventId)).toEqual([bad['id'], undefined]);
    expect(JSON.parse(Buffer.from(refused[0]!.body).toString())).toEqual(bad);
  });

  it('never repeats an id that is no id', () => {
    const [admission] = admitAll(json([event({ id: 'x'.repeat(257) })]));
    expect('refused' in admission! && admission.eventId).toBe(undefined);
  });

  it('takes a view into a larger buffer for what it is', () => {
    const body = json(event());
    const inside = Buffer.concat([Buffer.from('garbage'), body, Buffer.from('garbage')]).subarray(7, 7 + body.length);
    expect(outcomes(inside)).toEqual(['admitted']);
  });
});

describe('a CloudEvent on the intake', () => {
  const cloudEvent = {
    specversion: '1.0',
    id: '0190a5c0-0000-7000-8000-000000000001',
    source: '/sessions',
    type: 'identity.session.created',
    time: '2026-03-01T12:00:00Z',
    data: { method: 'passkey' },
  };

  it('is admitted beside events of our own form', () => {
    const admissions = admitAll(json([event(), cloudEvent]));
    expect(admissions.map(outcome)).toEqual(['admitted', 'admitted']);
    const admitted = 'admitted' in admissions[1]! ? admissions[1].admitted.event : undefined;
    expect(admitted).toMatchObject({ id: cloudEvent.id, type: cloudEvent.type, source: 'identity', tenant: 'acme', data: { payload: cloudEvent.data } });
  });

  it.each([
    ['EVENT_FIELD_MISSING', 'time', { ...cloudEvent, time: undefined }],
    ['EVENT_FIELD_INVALID', 'specversion', { ...cloudEvent, specversion: '0.3' }],
    ['EVENT_FIELD_UNKNOWN', 'Not-A-Name', { ...cloudEvent, 'Not-A-Name': 1 }],
    ['EVENT_FIELD_INVALID', 'resource.id', { ...cloudEvent, subject: 'a@example.com' }],
  ])('is refused with %s for %s', (code, field, value) => {
    const [admission] = admitAll(json(value));
    const fault = 'refused' in admission! ? admission.refused : undefined;
    expect({ code: fault?.code, field: fault?.detail.field }).toEqual({ code, field });
  });
});

describe('the subject of the intake', () => {
  it('names source and tenant', () => {
    expect(parseIntakeSubject('intake.identity.acme')).toEqual(ADDRESS);
  });

  it.each(['intake', 'intake.identity', 'intake.identity.acme.more', 'intake..acme', 'intake.identity.', 'other.identity.acme', 'intake.Identity.acme', 'intake.-x.acme', 'intake.identity.ac_me', `intake.identity.${'a'.repeat(64)}`])(
    'is none: %s',
    (subject) => {
      let fault: unknown;
      try {
        parseIntakeSubject(subject);
      } catch (error) {
        fault = error;
      }
      expect((fault as ChainFault).code).toBe('SUBJECT_INVALID');
    },
  );
});
