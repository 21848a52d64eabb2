import { Counter, Gauge, type Registry } from 'prom-client';

/** No tenant, no row: purposes and numbers of versions only. */
export interface RotationMetrics {
  readonly remaining: Gauge<'purpose' | 'version'>;
  readonly unreadable: Gauge<'purpose' | 'code'>;
  readonly unattended: Gauge<'purpose'>;
  readonly reencrypted: Counter<'purpose'>;
  readonly failedRounds: Counter;
}

export function rotationMetrics(registry: Registry): RotationMetrics {
  const registers = [registry];
  return {
    remaining: new Gauge({ name: 'countersign_rotation_rows_remaining', help: 'Rows still under an older version of their key, of the last round, over all tenants', labelNames: ['purpose', 'version'], registers }),
    unreadable: new Gauge({ name: 'countersign_rotation_rows_unreadable', help: 'Of them, rows that cannot be re-encrypted, and rows under keys that are destroyed or nobody knows', labelNames: ['purpose', 'code'], registers }),
    unattended: new Gauge({ name: 'countersign_rotation_versions_unattended', help: 'Older versions that this service has encrypted or wrapped under, of purposes with no declared column: it must rewrap and report by itself', labelNames: ['purpose'], registers }),
    reencrypted: new Counter({ name: 'countersign_rotation_rows_reencrypted_total', help: 'Rows re-encrypted', labelNames: ['purpose'], registers }),
    failedRounds: new Counter({ name: 'countersign_rotation_failed_rounds_total', help: 'Rounds that ended early; the next takes up what is left', registers }),
  };
}
