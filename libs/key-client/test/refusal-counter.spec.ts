import { describe, expect, it } from '@jest/globals';
import { FIELD_REFUSAL_CODES } from '@countersign/contracts';
import { ENVELOPE_FAULT_CODES } from '@countersign/envelope';

describe('refusals that services report', () => {
  it('are those of the envelope, one for one', () => {
    expect([...FIELD_REFUSAL_CODES].sort()).toEqual([...ENVELOPE_FAULT_CODES].sort());
  });
});
