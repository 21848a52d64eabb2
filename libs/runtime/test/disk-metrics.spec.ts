import { statfsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { createRegistry, registerDiskMetrics } from '../src/index.js';

it('tells the room on the disk of each folder, and nothing any more of one that is gone', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'disk-metrics-'));
  try {
    const gone = join(dir, 'gone');
    await mkdir(gone);
    const registry = createRegistry({ service: 'test', processMetrics: false });
    registerDiskMetrics(registry, { state: dir, gone });
    const valuesOf = async (name: string): Promise<Record<string, number>> => {
      const [found] = (await registry.getMetricsAsJSON()).filter((metric) => metric.name === name);
      return Object.fromEntries((found as unknown as { values: { labels: { folder: string }; value: number }[] }).values.map(({ labels, value }) => [labels.folder, value]));
    };
    const { bsize, blocks } = statfsSync(dir);
    await registry.metrics();
    expect(await valuesOf('countersign_disk_size_bytes')).toEqual({ state: bsize * blocks, gone: bsize * blocks });
    const free = await valuesOf('countersign_disk_free_bytes');
    expect(free['state']).toBeGreaterThan(0);
    expect(free['state']).toBeLessThanOrEqual(bsize * blocks);
    await rm(gone, { recursive: true });
    await registry.metrics();
    expect([await valuesOf('countersign_disk_size_bytes'), Object.keys(await valuesOf('countersign_disk_free_bytes'))]).toEqual([{ state: bsize * blocks }, ['state']]);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
