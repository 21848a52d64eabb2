export { FILES_FAULT_CODES, FilesFault, type FilesFaultCode } from './fault.js';
export { checkLink, FILE_LINK_CHARS_MAX, readLink, signLink, type FileLink, type LinkKey } from './file-link.js';
export { FILE_NAME, type FileStore } from './file-store.js';
export { FolderStore } from './folder-store.js';
export { S3Store, type S3Options } from './s3-store.js';
export { CHUNK_BYTES, chunksOf, CHUNKS_MAX, openChunk, SEALED_CHUNK_BYTES, sealStream, type FileKey } from './sealed-stream.js';
