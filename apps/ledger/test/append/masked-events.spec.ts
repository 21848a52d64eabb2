import { describe, expect, it } from '@jest/globals';
import type { Event } from '@countersign/chain';
import { admitMessage } from '../../src/append/intake-message.js';
import { maskEvent, maskMessage, unmaskMessage } from '../../src/append/masked-events.js';
import { SealedParts } from '../../src/append/sealed-parts.js';
import { makeEvent } from '../fixture/ledger-fixture.js';
import { DIGESTER } from './append-stand.js';
import { sealedPart } from './intake-stand.js';

const CANARY = 'Ana Canary';
const about = (name: string, given: Partial<Event> = {}): Event => makeEvent('acme', { personal: [{ subject: 'u-1', data: { name } }, { subject: 'u-2', data: { name: `${name} too` } }], ...given });
const admit = (events: readonly unknown[] | Buffer) => admitMessage({ source: 'identity', tenant: 'acme' }, events instanceof Buffer ? events : Buffer.from(JSON.stringify(events)), DIGESTER);
const sealed = (events: readonly unknown[], isErased = false): SealedParts =>
  SealedParts.ofEvents([...admit(events)].map((one) => ('admitted' in one ? one.admitted.personal.map((json) => sealedPart(json, isErased)) : [])));
const partsOf = (parts: SealedParts, events: number) => Array.from({ length: events }, (_, place) => parts.ofEvent(place));

describe('a masked message', () => {
  it('has nothing personal in it, and gives each event its own parts back, also two under one id', () => {
    const first = about(CANARY);
    const events = [first, makeEvent('acme', { data: { n: 1 } }), { ...first, personal: [{ subject: 'u-1', data: { name: `${CANARY} of another length` } }] }];
    const parts = sealed(events);
    const masked = maskMessage(admit(events), parts)!;
    expect([masked.body.includes('Canary'), masked.identity.includes('Canary')]).toEqual([false, false]);
    const unmasked = unmaskMessage(masked.body);
    expect(unmasked.body.includes('Canary')).toBe(false);
    const admissions = [...admit(unmasked.body)];
    expect(partsOf(SealedParts.ofEvents(unmasked.parts), 3)).toEqual(partsOf(parts, 3));
    expect(admissions.map((one) => 'admitted' in one && one.digests.facts)).toEqual([...admit(events)].map((one) => 'admitted' in one && one.digests.facts));
    expect(admissions.map((one) => ('admitted' in one ? one.admitted.event.personal?.map(({ subject }) => subject) : one))).toEqual([['u-1', 'u-2'], undefined, ['u-1']]);
  });

  it('is known again though its parts are sealed anew, for an erased subject too', () => {
    const event = about(CANARY);
    const masks = ['x', 'y'].map((bytes) => maskEvent(event, [{ bytes: Buffer.from(bytes), digest: 'd', isErased: false }, { bytes: Buffer.from(bytes), digest: bytes, isErased: true }]));
    expect(masks[0]!.body).not.toEqual(masks[1]!.body);
    expect(masks[0]!.identity).toEqual(masks[1]!.identity);
    expect(maskEvent(event, [{ bytes: Buffer.from('x'), digest: 'e', isErased: false }, { bytes: Buffer.from('x'), digest: 'x', isErased: true }]).identity).not.toEqual(masks[0]!.identity);
  });

  it('is none where nothing is encrypted, or an event cannot be read', () => {
    const plain = [makeEvent('acme')];
    expect(maskMessage(admit(plain), sealed(plain))).toBeUndefined();
    expect(maskMessage(admit([about(CANARY)]), undefined)).toBeUndefined();
    const bad = [about(CANARY), { ...makeEvent('acme'), severity: 'dire' }];
    expect(maskMessage(admit(bad), sealed(bad))).toBeUndefined();
  });
});
