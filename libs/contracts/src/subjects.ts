/** Names on the bus. Only the ledger's account may publish on `ledger.>` and store what arrives on `intake.>`. */
export const INTAKE_STREAM = 'INTAKE';
export const INTAKE_SUBJECTS = 'intake.>';
export const INTAKE_CONSUMER = 'ledger';
export const INTAKE_PREFIX = 'intake.';
/** Where messages of the intake wait that cannot be begun: `waiting.<digest>.<source>.<tenant>`, within the ledger's account. */
export const WAITING_STREAM = 'WAITING';
export const WAITING_PREFIX = 'waiting.';

/** Source of every event that comes over HTTP: the bus lets the edge alone send under it. */
export const HTTP_SOURCE = 'http';

export const intakeSubject = (source: string, tenant: string): string => `intake.${source}.${tenant}`;
export const receiptSubject = (source: string): string => `ledger.receipt.${source}`;
export const refusedSubject = (source: string): string => `ledger.refused.${source}`;
export const checkpointSubject = (tenant: string): string => `ledger.checkpoint.${tenant}`;
export const integritySubject = (tenant: string): string => `ledger.integrity.${tenant}`;
