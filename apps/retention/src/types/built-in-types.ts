import { FETCHED_RESOURCES_MAX, type DataClass, type DeletionAction, type TypeWay } from '@countersign/contracts';
import type { ClockStart } from '@countersign/retention-rules';

/** A type of resources and who holds them. */
export interface RegisteredType {
  readonly type: string;
  readonly holder: string;
  readonly clock: ClockStart;
  readonly actions: readonly DeletionAction[];
  readonly classes: readonly DataClass[];
  /** Resources of one order at most. */
  readonly orderMax: number;
  /** A resource is a range of many things, of which a hold may keep some. */
  readonly isRange: boolean;
  /** Whose resources may be of it; undefined: anybody's. */
  readonly tenant?: string;
}

const PLATFORM_ORDER_MAX = 500;
/** Of customers' types. */
export const ORDER_MAX: Readonly<Record<TypeWay, number>> = { http: FETCHED_RESOURCES_MAX, nats: 500 };
/** Of 1,024 entries each: one order takes some hundred milliseconds, so that a hold, and appends, wait for no more. */
const STRETCHES_MAX = 16;

const held = (holder: string, type: string, dataClass: DataClass, clock: ClockStart): RegisteredType => ({ type, holder, clock, actions: ['delete'], classes: [dataClass], orderMax: PLATFORM_ORDER_MAX, isRange: false });

/** What the platform's own services hold. */
export const BUILT_IN_TYPES: readonly RegisteredType[] = [
  held('identity', 'session', 'security', 'closed'),
  held('identity', 'sign-in-device', 'security', 'last-used'),
  held('identity', 'api-key', 'security', 'closed'),
  held('identity', 'invitation', 'contact', 'closed'),
  { ...held('ledger', 'audit-parts', 'operational', 'created'), classes: ['security', 'operational', 'legal', 'financial', 'contact', 'content', 'attachment'], orderMax: STRETCHES_MAX, isRange: true },
  held('ledger', 'quarantined-event', 'operational', 'created'),
];
