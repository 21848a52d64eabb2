export { openKeys, type Keys, type KeysOptions } from './open-keys.js';
export { KeyClient, type Answer, type KeyClientOptions } from './key-client.js';
export { isPassing, KeyClientError, type KeyClientErrorCode } from './key-client-error.js';
export { FieldCipher, type FieldPlace } from './field-cipher.js';
export { SubjectCipher, SubjectKeys, type ItemFault, type LeasedSubjects, type OpenItem, type SealItem } from './subject-cipher.js';
export { BusSigner, type Prove, type SignedTree } from './bus-signer.js';
export { LeaseCache, type LeaseCacheOptions } from './lease-cache.js';
