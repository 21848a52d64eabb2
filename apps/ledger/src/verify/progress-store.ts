import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Destructions, type SavedDestructions } from '@countersign/chain';
import { writeFileDurably } from '@countersign/runtime';
import type { Verdict } from '@countersign/contracts';
import { restoreState, type SavedState } from './saved-state.js';

/** How far verification has come; kept outside the database, which is what is being verified. */
export interface VerifyProgress {
  /** Everything before this was verified. */
  readonly verified?: SavedState;
  readonly lastFullAt?: string;
  /** Where an unfinished full pass stands. */
  readonly full?: SavedState;
  /** Parts that it has not found, and what it has read of their destruction. */
  readonly fullDestroyed?: SavedDestructions;
  /** The verdict that stopped the ledger; whoever owns the database cannot take it back. */
  readonly broken?: Verdict;
}

export interface VerifyProgressStore {
  load(tenant: string): Promise<VerifyProgress>;
  /** Durable on return. */
  save(tenant: string, progress: VerifyProgress): Promise<void>;
}

/** One small file a ledger. A file that cannot be read only costs a pass from the beginning. */
export class FileProgressStore implements VerifyProgressStore {
  constructor(private readonly dir: string) {}

  async load(tenant: string): Promise<VerifyProgress> {
    try {
      return usable(JSON.parse(await readFile(this.path(tenant), 'utf8')) as VerifyProgress);
    } catch {
      return {};
    }
  }

  async save(tenant: string, progress: VerifyProgress): Promise<void> {
    await mkdir(this.dir, { recursive: true, mode: 0o700 });
    await writeFileDurably(this.path(tenant), JSON.stringify(progress), 0o600);
  }

  private path(tenant: string): string {
    return join(this.dir, `${tenant}.json`);
  }
}

/** Throws when a state cannot be gone on from. */
function usable(progress: VerifyProgress): VerifyProgress {
  for (const state of [progress.verified, progress.full]) if (state !== undefined) restoreState(state);
  Destructions.restore(progress.fullDestroyed);
  return progress;
}
