export { ENVELOPE_FAULT_CODES, EnvelopeFault, type EnvelopeFaultCode } from './fault.js';
export { type ColumnContext, type FieldContext, NAME_BYTES_MAX, ROW_BYTES_MAX, type WrapContext } from './context.js';
export { fieldKey, type FieldKey, type FieldKeyOptions, KEY_BYTES, KEY_USES_MAX } from './field-key.js';
export { isKeyId, KEY_ID_CHARACTERS_MAX } from './key-id.js';
export { FIELD_BYTES_MAX, FIELD_TEXT_CHARACTERS_MAX, parseField, type ParsedField } from './field-text.js';
export type { KeyOrResolver } from './sealed-text.js';
export { openField, sealField } from './field.js';
export { unwrapKey, WRAPPED_KEY_BYTES_MAX, WRAPPED_KEY_BYTES_MIN, wrapKey } from './wrapped-key.js';
export { BLIND_INDEX_BYTES, BLIND_INDEX_VERSION_MAX, blindIndex, blindIndexKey, type BlindIndexKey } from './blind-index.js';
