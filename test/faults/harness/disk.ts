import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, renameSync } from 'node:fs';

/**
 * A file system on a disk of its own, whose power can go. The disk is a file that is written past the page cache, so that at any moment it holds
 * what the file system has flushed, as a machine's disk does, and nothing that merely was written. Needs root and a loop device.
 */
export class Disk {
  #device: string;

  private constructor(
    readonly folder: string,
    private readonly image: string,
  ) {
    this.#device = this.#attach();
  }

  /** Undefined where nobody may mount. */
  static at(folder: string, mib: number): Disk | undefined {
    if (process.getuid?.() !== 0) return undefined;
    const image = `${folder}.img`;
    mkdirSync(folder, { recursive: true });
    execFileSync('truncate', ['--size', `${String(mib)}M`, image]);
    execFileSync('mkfs.ext4', ['-q', image]);
    return new Disk(folder, image);
  }

  #attach(): string {
    const device = execFileSync('losetup', ['--find', '--show', '--direct-io=on', this.image], { encoding: 'utf8' }).trim();
    execFileSync('mount', [device, this.folder]);
    return device;
  }

  #detach(): void {
    execFileSync('umount', [this.folder]);
    execFileSync('losetup', ['--detach', this.#device]);
  }

  /** What was written by now survives. */
  sync(): void {
    execFileSync('sync', ['--file-system', this.folder]);
  }

  /** Everything that no flush has reached is lost. Whoever had files open there has ended. */
  losePower(): void {
    copyFileSync(this.image, `${this.image}.cut`);
    this.#detach();
    renameSync(`${this.image}.cut`, this.image);
    this.#device = this.#attach();
  }

  close(): void {
    this.#detach();
  }
}
