export { CERTIFICATE_KINDS, certificateText, statementText, verifyCertificate, type Certificate, type CertificateKind } from './certificate.js';
export { CERTIFICATE_FAULT_CODES, CertificateFault, type CertificateFaultCode } from './fault.js';
export { ARCHIVE_FAULT_CODES, ArchiveFault, type ArchiveFaultCode, type ArchivePlace } from './archive/archive-fault.js';
export { MANIFEST_PATH, NOTE_PATH, PAGE_PATH, PROVED_SERVICE, recordsPath, type ArchiveAbout, type Manifest, type ManifestFile } from './archive/manifest.js';
export { verifyArchive, type ArchiveCheck, type ArchiveKeys } from './archive/verify-archive.js';
export { writeArchive, type ArchiveRecord, type ArchiveSource, type RecordProof } from './archive/write-archive.js';
export type { ByteSource } from './archive/zip-reader.js';
