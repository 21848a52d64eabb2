/**
 * Holds a canary in memory and crashes as it is told: `<guarded|hidden|bare> <abort|throw|reject>`; `hidden`
 * is guarded where core dumps cannot be filtered. The test compares what is left
 * behind with and without the guard.
 */
const [guard, how] = process.argv.slice(2);
// Built here, so that it stands in memory and in no file.
const canary = Buffer.from([...'yranac-latem-tnecap'].reverse().join('').repeat(3));
if (guard !== 'bare') {
  const { createLogger, keepMemoryPrivate } = await import('@countersign/runtime');
  const log = createLogger({ service: 'crashing', level: 'warn', isImmediate: true });
  keepMemoryPrivate({ log, ...(guard === 'hidden' && { coredumpFilter: '/proc/self/no_such_file' }) });
}
const error = Object.assign(new Error('a row was refused'), { detail: `Failing row contains (${canary.toString()})`, code: '23514' });
process.stdout.write('holding\n');
if (how === 'abort') process.abort();
else if (how === 'reject') await Promise.reject(error);
else throw error;
