import type { JsonObject } from '@countersign/chain';
import { defineAggregate, type DomainEvent } from '@countersign/event-store';
import { decideKey, evolveKey, type Key, type KeyCommand, type KeyEvent, type KeyKind, type KeyName, type RotationReason } from './key.js';

/** Keys as streams of the event store: `keys.<kind>-key.<what happened>`. */

export interface RecordedKeyEvent extends DomainEvent {
  readonly data: JsonObject;
}

export const keyStreamId = ({ tenant, purpose }: KeyName): string => `${tenant}/${purpose}`;

export const keyAggregate = defineAggregate<Key | undefined, KeyCommand, RecordedKeyEvent>({
  name: 'key',
  initialState: undefined,
  decide(command, key) {
    let state = key;
    return decideKey(command, key).map((event) => {
      state = evolveKey(state, event);
      return toRecorded(event, state);
    });
  },
  evolve: (key, { type, data }) => evolveKey(key, fromRecorded(type, data)),
});

function toRecorded(event: KeyEvent, { name, kind }: Key): RecordedKeyEvent {
  const { type, atMs, ...rest } = event;
  const { name: _name, kind: _kind, policy, destroyAtMs, ...facts } = rest as Record<string, unknown> & { policy?: { days: number; uses: number }; destroyAtMs?: number };
  return {
    type: `keys.${kind}-key.${type}`,
    severity: type === 'destroyed' || type === 'destruction-scheduled' ? 'warning' : type === 'created' ? 'info' : 'notice',
    resource: { type: `${kind}-key`, id: keyStreamId(name) },
    data: {
      ...name,
      kind,
      ...(facts as JsonObject),
      ...(policy === undefined ? {} : { rotateAfterDays: policy.days, rotateAfterUses: policy.uses }),
      ...(destroyAtMs === undefined ? {} : { destroyAt: new Date(destroyAtMs).toISOString() }),
      at: new Date(atMs).toISOString(),
    },
  };
}

function fromRecorded(type: string, data: JsonObject): KeyEvent {
  const atMs = Date.parse(data['at'] as string);
  const version = data['version'] as number;
  const keyId = data['keyId'] as string;
  const what = type.slice(type.lastIndexOf('.') + 1) as KeyEvent['type'];
  switch (what) {
    case 'created':
    case 'imported':
      return {
        type: what,
        name: { tenant: data['tenant'] as string, purpose: data['purpose'] as string },
        kind: data['kind'] as KeyKind,
        policy: { days: data['rotateAfterDays'] as number, uses: data['rotateAfterUses'] as number },
        keyId,
        atMs,
      };
    case 'rotated':
      return { type: what, version, keyId, reason: data['reason'] as RotationReason, atMs };
    case 'minimum-raised':
      return { type: what, version, atMs };
    case 'version-retired':
      return { type: what, version, keyId, atMs };
    case 'destruction-scheduled':
      return { type: what, destroyAtMs: Date.parse(data['destroyAt'] as string), atMs };
    case 'destruction-cancelled':
    case 'destroyed':
      return { type: what, atMs };
  }
}
