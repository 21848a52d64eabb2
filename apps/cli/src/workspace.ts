import { fileURLToPath } from 'node:url';

/** Root of the checkout: the CLI starts other programs of the repository, which it must not import. */
export const WORKSPACE = fileURLToPath(new URL('../../../', import.meta.url));
