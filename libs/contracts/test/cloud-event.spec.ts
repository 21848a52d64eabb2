import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ChainFault, admitEvent } from '@countersign/chain';
import fc from 'fast-check';
import { eventFromCloudEvent, isCloudEvent } from '../src/index.js';

const TESTDATA = join(import.meta.dirname, '../../../testdata/cloudevents');

interface Input {
  readonly source: string;
  readonly tenant: string;
  readonly cloudEvent: Readonly<Record<string, unknown>>;
}
interface Vector<Expect> {
  readonly why: string;
  readonly input: Input;
  readonly expect: Expect;
}

function vectorsOf<Expect>(folder: string): Vector<Expect>[] {
  const files = readdirSync(join(TESTDATA, folder)).sort();
  return files.map((file) => JSON.parse(readFileSync(join(TESTDATA, folder, file), 'utf8')) as Vector<Expect>);
}

function refusalOf({ cloudEvent, ...address }: Input): { fault: string; field: string | undefined } | undefined {
  try {
    admitEvent(eventFromCloudEvent(cloudEvent, address), address);
    return undefined;
  } catch (fault) {
    if (!(fault instanceof ChainFault)) throw fault;
    return { fault: fault.code, field: fault.detail.field };
  }
}

describe('CloudEvents that are admitted', () => {
  it.each(vectorsOf<{ event: unknown }>('valid'))('$why', ({ input, expect: { event } }) => {
    expect(isCloudEvent(input.cloudEvent)).toBe(true);
    expect(eventFromCloudEvent(input.cloudEvent, input)).toEqual(event);
    expect(refusalOf(input)).toBeUndefined();
  });
});

describe('CloudEvents that are refused', () => {
  it.each(vectorsOf<{ fault: string; field: string }>('invalid'))('$why', ({ input, expect: expected }) => {
    expect(isCloudEvent(input.cloudEvent)).toBe(true);
    expect(refusalOf(input)).toEqual(expected);
  });
});

describe('a CloudEvent', () => {
  it.each([null, 7, 'specversion', [], [{ specversion: '1.0' }], {}, { specVersion: '1.0' }])('is none: %j', (value) => {
    expect(isCloudEvent(value)).toBe(false);
  });

  it('is known by its version, whichever that is: a wrong one is refused, not read as an event', () => {
    expect(isCloudEvent({ specversion: null })).toBe(true);
  });

  it('of any attributes is admitted or refused by a fault of an event', () => {
    const address = { source: 'crm', tenant: 'acme' };
    const attribute = fc.oneof(fc.string(), fc.jsonValue(), fc.date().map((date) => String(date)));
    const names = ['id', 'source', 'type', 'time', 'subject', 'data', 'data_base64', 'severity', 'actorid', 'resourceid', 'x', '__proto__'];
    const cloudEvent = fc.record(Object.fromEntries(names.map((name) => [name, attribute])), { requiredKeys: ['id', 'source', 'type', 'time'] });
    fc.assert(
      fc.property(cloudEvent, fc.boolean(), (attributes, isTimed) => {
        const time = isTimed ? { time: '2018-04-05T17:31:00Z' } : {};
        expect(refusalOf({ ...address, cloudEvent: { ...attributes, ...time, specversion: '1.0' } })?.fault ?? 'EVENT_ADMITTED').toMatch(/^EVENT_/);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps its id when sent again, and has another from every other source', () => {
    const id = (source: string, own: string): unknown =>
      eventFromCloudEvent({ specversion: '1.0', id: own, source, type: 'a.b', time: '2018-04-05T17:31:00Z' }, { source: 'crm', tenant: 'acme' })['id'];
    const text = fc.string({ minLength: 1 });
    fc.assert(
      fc.property(text, text, text, (source, other, own) => {
        expect(id(source, own)).toBe(id(source, own));
        expect(id(source, own) === id(other, own)).toBe(source === other);
      }),
    );
  });
});
