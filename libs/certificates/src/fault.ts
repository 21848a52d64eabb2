export const CERTIFICATE_FAULT_CODES = ['CERTIFICATE_SIGNATURE_MISSING', 'CERTIFICATE_SIGNATURE_INVALID', 'CERTIFICATE_SIGNER_MISMATCH', 'CERTIFICATE_MALFORMED'] as const;
export type CertificateFaultCode = (typeof CERTIFICATE_FAULT_CODES)[number];

/** Why a certificate proves nothing. */
export class CertificateFault extends Error {
  override readonly name = 'CertificateFault';
  constructor(
    readonly code: CertificateFaultCode,
    message: string,
  ) {
    super(message);
  }
}
