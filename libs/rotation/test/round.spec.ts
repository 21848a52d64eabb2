import { describe, expect, it } from '@jest/globals';
import type { Keys } from '@countersign/key-client';
import { Registry } from 'prom-client';
import { rotationMetrics } from '../src/metrics.js';
import { Round } from '../src/round.js';

describe('versions of a purpose with no declared column', () => {
  it('are counted, and nobody reports them empty', async () => {
    const asked: string[] = [];
    const held = (purpose: string, version: number) => ({ tenant: 'acme', purpose, version, keyId: `dk_${version}`, state: 'decrypt-only', isSettled: true });
    let versions = [held('retention.export', 1), held('retention.export', 2)];
    const ask = async (operation: string): Promise<unknown> => (asked.push(operation), { result: { versions } });
    const registry = new Registry();
    const log = { info: () => undefined, warn: () => undefined };
    const round = new Round({ columns: [], keys: { client: { ask } } as unknown as Keys, log, metrics: rotationMetrics(registry), rowsPerSecondMax: 1, isStopping: () => false });
    await round.run();
    expect(await registry.metrics()).toContain('countersign_rotation_versions_unattended{purpose="retention.export"} 2');
    versions = [];
    await round.run();
    expect(await registry.metrics()).not.toContain('countersign_rotation_versions_unattended{');
    expect(asked).toEqual(['held-versions', 'held-versions']);
  });
});
