import { hash } from 'node:crypto';
import type { Asker } from './asker.js';

/** As long as an id of 16 bytes in base64url. */
const ID_CHARS = 22;

/** Id of what a request makes: the same when it is asked again under its command id. `what`: of several things each its own. */
export function idFor({ command: { commandId } }: Pick<Asker, 'command'>, what: string, newId: () => string): string {
  return commandId === undefined ? newId() : hash('sha256', `${what} made by ${commandId}`, 'base64url').slice(0, ID_CHARS);
}
