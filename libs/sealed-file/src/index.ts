export { SealedFile, SealedFileError, type SealedFileCode, type SealedFileOptions, type SealProtection } from './sealed-file.js';
export { refuseOthers } from './permissions.js';
