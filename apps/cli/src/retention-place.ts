import type { Command } from 'commander';
import type { EdgeOptions } from './edge-session.js';
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

/** Who asks, and where the public API is. */
export function inSomebodysName(command: Command): Command {
  return command
    .option('--sign-in <file>', 'file with address, password and a code of the second factor, a line each, or - for standard input')
    .option('--api-key-file <file>', 'file with an API key, for what a program may do')
    .option('--edge-url <url>', 'URL of the public API (env COUNTERSIGN_EDGE_URL; default: the local stack)')
    .option('--edge-ca <file>', 'authority that is trusted for it, PEM')
    .option('--state-dir <dir>', 'state folder of a local stack (default: the nearest .countersign)');
}

