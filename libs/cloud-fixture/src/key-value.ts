import { VaultRefusal } from './vault-refusal.js';

interface Entry {
  readonly data: Readonly<Record<string, unknown>> | null;
  readonly version: number;
  readonly createdTime: string;
}

/** The KV engine, version 2: only the newest version is kept. */
export class KeyValue {
  private readonly entries = new Map<string, Entry>();

  put(path: string, data: Readonly<Record<string, unknown>>, createdTime: string): void {
    this.entries.set(path, { data, version: (this.entries.get(path)?.version ?? 0) + 1, createdTime });
  }

  /** As `vault kv delete`: the version stays known, without its data. */
  delete(path: string): void {
    this.entries.set(path, { ...this.entries.get(path)!, data: null });
  }

  answer(path: string): { readonly status: number; readonly data: object } {
    const entry = this.entries.get(path);
    if (entry === undefined) throw new VaultRefusal(404);
    const metadata = { version: entry.version, created_time: entry.createdTime, deletion_time: entry.data === null ? entry.createdTime : '', destroyed: false, custom_metadata: null };
    // A deleted version answers 404, with its metadata.
    return { status: entry.data === null ? 404 : 200, data: { data: entry.data, metadata } };
  }
}
