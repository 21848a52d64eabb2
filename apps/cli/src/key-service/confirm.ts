import { CliError, EXIT } from '../exit-code.js';
import type { Io } from '../io.js';

const LINE_BYTES_MAX = 4 * 1024;

/** Asks for `name` to be typed back. Throws CliError NOT_CONFIRMED for anything else. */
export async function confirmByName(io: Io, what: string, name: string): Promise<void> {
  io.streams.err.write(`${what}\nType ${name} to go on: `);
  if ((await firstLine(io.stdin)) !== name) throw new CliError(EXIT.usage, 'NOT_CONFIRMED', 'not confirmed: nothing was changed');
}

async function firstLine(stdin: AsyncIterable<Uint8Array>): Promise<string> {
  let text = Buffer.alloc(0);
  for await (const chunk of stdin) {
    text = Buffer.concat([text, chunk]);
    if (chunk.includes(0x0a) || text.length > LINE_BYTES_MAX) break;
  }
  return text.toString('utf8').split('\n', 1)[0]!.trim();
}
