import { describe, expect, it } from '@jest/globals';
import { scramVerifier } from '@countersign/postgres';

describe('a SCRAM-SHA-256 verifier', () => {
  // User, password and salt of RFC 7677 §3.
  it('is what the RFC example leads to', () => {
    expect(scramVerifier('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'))).toBe(
      'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
    );
  });
});
