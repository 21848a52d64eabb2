import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Command } from 'commander';
import type { EmitInput } from '@countersign/client';
import { CLOUDTRAIL_SOURCE, eventFromRecord, UnmappableRecord } from '../cloudtrail/event-from-record.js';
import { CloudTrailFileError, parseRecords, textAt } from '../cloudtrail/record.js';
import { EXIT } from '../exit-code.js';
import type { ExitCode } from '../exit-code.js';
import { progressFor, run, withExamples, withJson } from '../io.js';
import type { Ended, Io } from '../io.js';
import type { Output } from '../output.js';
import { count } from '../progress.js';
import { openSender } from '../send/open-sender.js';
import { sendAll } from '../send/send-all.js';
import type { SendCounts } from '../send/send-all.js';
import { busOf, withBusTarget } from '../target.js';
import type { TargetOptions } from '../target.js';
import { secondsOf } from './emit.js';

interface Options extends TargetOptions {
  readonly json?: boolean;
  readonly tenant: string;
  readonly timeout: string;
}

interface Trouble {
  readonly file: string;
  /** Position of the record; absent when the whole file is at fault. */
  readonly at?: number;
  readonly eventId?: string | undefined;
  readonly why: string;
}

const FILE_BYTES_MAX = 256 * 1024 * 1024;
const TROUBLES_SHOWN_MAX = 20;

export function importCommand(io: Io, ended: Ended): Command {
  const cloudtrail = withBusTarget(new Command('cloudtrail'))
    .description('record every record of AWS CloudTrail log files (.json or .json.gz) once; importing again changes nothing')
    .argument('<files...>', 'log files')
    .requiredOption('--tenant <name>', 'the ledger')
    .option('--timeout <seconds>', 'longest wait for one receipt', '60')
    .action((files: readonly string[], options: Options) => run(io, ended, options, (output) => importCloudTrail(files, options, io, output)));
  withExamples(withJson(cloudtrail), ['import cloudtrail logs/*.json --tenant trail', 'import cloudtrail 2026/11/*.json.gz --tenant trail --json']);
  return new Command('import').description('record events from the logs of other systems').addCommand(cloudtrail);
}

async function importCloudTrail(files: readonly string[], options: Options, io: Io, output: Output): Promise<ExitCode> {
  const timeoutMs = secondsOf(options.timeout) * 1000;
  const startedMs = performance.now();
  const reading = new CloudTrailReading(files, options.tenant);
  const sender = await openSender(busOf(options, io.env, io.cwd), CLOUDTRAIL_SOURCE);
  const progress = progressFor(output, 'import', 'records');
  try {
    const onProgress = (done: number): void => progress.update(done, reading.records);
    const counts = await sendAll(reading.events(), { emitter: sender.emitter, timeoutMs, onProgress });
    progress.stop();
    return report(reading, counts, (performance.now() - startedMs) / 1000, output);
  } finally {
    progress.stop();
    await sender.close();
  }
}

/** Reads files one after the other, and keeps count of what could not be used. */
class CloudTrailReading {
  records = 0;
  unmappable = 0;
  unreadable = 0;
  readonly troubles: Trouble[] = [];

  constructor(
    readonly files: readonly string[],
    private readonly tenant: string,
  ) {}

  async *events(): AsyncGenerator<EmitInput & { readonly id: string }> {
    for (const file of this.files) {
      const records = await this.recordsOf(file);
      this.records += records.length;
      for (const [at, record] of records.entries()) {
        try {
          yield eventFromRecord(record, this.tenant);
        } catch (error) {
          if (!(error instanceof UnmappableRecord)) throw error;
          this.unmappable += 1;
          this.trouble({ file, at, eventId: textAt(record, 'eventID'), why: error.message });
        }
      }
    }
  }

  private async recordsOf(file: string): Promise<ReturnType<typeof parseRecords>> {
    try {
      const bytes = await readFile(file);
      const text = file.endsWith('.gz') ? gunzipSync(bytes, { maxOutputLength: FILE_BYTES_MAX }) : bytes;
      if (text.length > FILE_BYTES_MAX) throw new CloudTrailFileError(`over ${FILE_BYTES_MAX} bytes`);
      return parseRecords(text.toString('utf8'));
    } catch (error) {
      this.unreadable += 1;
      this.trouble({ file, why: (error as Error).message });
      return [];
    }
  }

  private trouble(trouble: Trouble): void {
    if (this.troubles.length < TROUBLES_SHOWN_MAX) this.troubles.push(trouble);
  }
}

function report(reading: CloudTrailReading, counts: SendCounts, seconds: number, output: Output): ExitCode {
  const { files, records, unmappable, unreadable, troubles } = reading;
  const { recorded, repeated, refusals } = counts;
  const refused = counts.refused + unmappable;
  const exitCode = unreadable > 0 ? EXIT.usage : refused > 0 ? EXIT.refused : EXIT.ok;
  const document = { ok: exitCode === EXIT.ok, files: files.length, unreadable, records, recorded, repeated, refused, troubles, refusals, seconds: Number(seconds.toFixed(3)) };
  output.result(document, () => [
    `${count(records)} records in ${count(files.length)} files: ${count(recorded)} recorded, ${count(repeated)} already recorded, ${count(refused)} refused (${seconds.toFixed(1)} s)`,
    ...troubles.map(({ file, at, why }) => `  ${basename(file)}${at === undefined ? '' : `, record ${at}`}: ${why}`),
    ...refusals.slice(0, TROUBLES_SHOWN_MAX).map(({ id, code, message }) => `  ${id}: ${code}: ${message}`),
  ]);
  return exitCode;
}
