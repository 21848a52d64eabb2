import { IdentityFault } from '../domain/identity-fault.js';
import type { UserRow } from '../store/user-rows.js';
import type { Asker } from './asker.js';
import { signedIn } from './authorise.js';

type Owner = Pick<UserRow, 'user_id' | 'is_restricted'>;

/** Whether what tells who he is stays untold: he has demanded that it be kept and not used, and somebody else asks (Regulation (EU) 2016/679, Article 18(2)). */
export const isWithheld = ({ user_id, is_restricted }: Owner, asker: Asker): boolean => is_restricted && signedIn(asker).session.user_id !== user_id;

/** Nobody else changes or uses it meanwhile. Throws SUBJECT_RESTRICTED. */
export function requireUsable(owner: Owner, asker: Asker): void {
  if (isWithheld(owner, asker)) throw new IdentityFault('SUBJECT_RESTRICTED', 'its subject has demanded that it be kept and not used', { field: 'userId' });
}
