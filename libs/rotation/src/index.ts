export { checkColumn, type EncryptedColumn, type RowNames } from './encrypted-column.js';
export { rotationMigrationSql } from './column-sql.js';
export { reencrypt, type KeyPair, type Reencrypted } from './reencrypt.js';
export { ColumnRows, type Batch, type Search } from './column-rows.js';
export { startRotation, type Rotation, type RotationOptions } from './rotation.js';
