import type { Command } from 'commander';
import { inSomebodysName, type EdgeOptions } from './edge-session.js';
import { withJson } from './io.js';

/** Of every command about policies, holds and requests. */
export interface RetentionOptions extends EdgeOptions {
  readonly json?: boolean;
  readonly organization?: string;
}

/** Where the routes of retention lie for this command. */
export const placeOf = ({ organization }: RetentionOptions): string => (organization === undefined ? '/v1/retention' : `/v1/organizations/${encodeURIComponent(organization)}/retention`);

export function asked(command: Command): Command {
  return inSomebodysName(withJson(command).option('--organization <id>', 'of this organisation (default: of the installation)'));
}
