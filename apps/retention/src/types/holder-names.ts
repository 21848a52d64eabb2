import type { TypeWay } from '@countersign/contracts';

const REPORTED = 'reported.';

/** Under which name a service of somebody's is known as a holder. Those of the platform have no dots. */
export const holderOf = (way: TypeWay, tenant: string, service: string): string => `${way === 'http' ? REPORTED : ''}${tenant}.${service}`;

/** Whether it fetches its orders, and retention itself knows what it holds. */
export const isReported = (holder: string): boolean => holder.startsWith(REPORTED) && holder.split('.').length === 3;
