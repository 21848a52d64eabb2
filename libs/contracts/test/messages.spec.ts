import { describe, expect, it } from '@jest/globals';
import {
  checkpointSubject, intakeSubject, integritySubject, receiptBatchSchema, receiptSubject, refusalBatchSchema, refusedSubject, verdictSchema,
} from '../src/index.js';

const receipt = {
  id: '019abb5e-7c00-7000-8000-000000000001',
  tenant: 'acme',
  index: 7,
  eventHash: '0'.repeat(64),
  recordedAt: '2026-11-22T10:00:00.000Z',
};
const fault = { code: 'ENTRY_ALTERED', message: 'entry 7 is not the one that was chained', firstIndex: 7, lastIndex: 7, firstBadTime: receipt.recordedAt };
const verdict = {
  tenant: 'acme', verdict: 'broken', kind: 'full', fromIndex: 0, toIndex: 8, treeSize: 8, startedAt: receipt.recordedAt, finishedAt: receipt.recordedAt, fault,
};

describe('messages that the bus carries', () => {
  it.each([
    ['receipts', receiptBatchSchema, { recorded: [receipt], repeated: [] }],
    ['refusals', refusalBatchSchema, { refusals: [{ id: receipt.id, tenant: 'acme', code: 'EVENT_FIELD_INVALID', field: 'time', message: 'time must be …' }] }],
    ['a refusal of a message that cannot be read', refusalBatchSchema, { refusals: [{ tenant: 'acme', code: 'MESSAGE_NOT_JSON', message: 'a message must be …' }] }],
    ['a broken ledger', verdictSchema, verdict],
    ['an intact ledger', verdictSchema, { ...verdict, verdict: 'intact', fault: undefined }],
  ] as const)('%s', (_what, schema, message) => {
    expect(schema.parse(JSON.parse(JSON.stringify(message)))).toEqual(JSON.parse(JSON.stringify(message)));
  });
});

describe('messages that are not what they seem', () => {
  it.each([
    ['a receipt without its hash', receiptBatchSchema, { recorded: [{ ...receipt, eventHash: undefined }], repeated: [] }, 'recorded.0.eventHash'],
    ['a receipt with a negative index', receiptBatchSchema, { recorded: [{ ...receipt, index: -1 }], repeated: [] }, 'recorded.0.index'],
    ['a receipt with a hash too short', receiptBatchSchema, { recorded: [], repeated: [{ ...receipt, eventHash: '0' }] }, 'repeated.0.eventHash'],
    ['receipts without the list of repeats', receiptBatchSchema, { recorded: [] }, 'repeated'],
    ['a refusal without a code', refusalBatchSchema, { refusals: [{ tenant: 'acme', message: '' }] }, 'refusals.0.code'],
    ['a verdict of another word', verdictSchema, { ...verdict, verdict: 'probably' }, 'verdict'],
    ['a verdict with a field more', verdictSchema, { ...verdict, colour: 'red' }, ''],
    ['a fault without its range', verdictSchema, { ...verdict, fault: { ...fault, lastIndex: undefined } }, 'fault.lastIndex'],
  ] as const)('%s', (_what, schema, message, path) => {
    const result = schema.safeParse(JSON.parse(JSON.stringify(message)));
    expect(result.error?.issues.map((issue) => issue.path.join('.'))).toEqual([path]);
  });
});

describe('subjects', () => {
  it('are those of docs/spec/bus.md', () => {
    expect([intakeSubject('keys', 'acme'), receiptSubject('keys'), refusedSubject('keys'), checkpointSubject('acme'), integritySubject('acme')]).toEqual([
      'intake.keys.acme', 'ledger.receipt.keys', 'ledger.refused.keys', 'ledger.checkpoint.acme', 'ledger.integrity.acme',
    ]);
  });
});
