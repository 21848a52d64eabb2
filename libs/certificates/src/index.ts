export { CERTIFICATE_KINDS, certificateText, statementText, verifyCertificate, type Certificate, type CertificateKind } from './certificate.js';
export { CERTIFICATE_FAULT_CODES, CertificateFault, type CertificateFaultCode } from './fault.js';
