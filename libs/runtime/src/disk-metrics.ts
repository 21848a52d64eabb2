import { statfs } from 'node:fs/promises';
import { Gauge, type Registry } from 'prom-client';

/**
 * Room on the disks of a service's own folders, by names that are few and do not change. A folder that cannot be looked at is left out, and
 * what was said of it is taken back.
 */
export function registerDiskMetrics(registry: Registry, folders: Readonly<Record<string, string>>): void {
  const labelNames = ['folder'];
  const size = new Gauge({ name: 'countersign_disk_size_bytes', help: 'Size of the disk that a folder of this service lies on', labelNames, registers: [registry] });
  new Gauge({
    name: 'countersign_disk_free_bytes', help: 'What this service may still write there', labelNames, registers: [registry],
    async collect() {
      for (const [folder, path] of Object.entries(folders)) {
        try {
          const { bsize, blocks, bavail } = await statfs(path);
          size.set({ folder }, bsize * blocks);
          this.set({ folder }, bsize * bavail);
        } catch {
          size.remove({ folder });
          this.remove({ folder });
        }
      }
    },
  });
}
