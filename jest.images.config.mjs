import base from './jest.config.mjs';

// The system is started once, and stopped at the end.
const CASE_TIMEOUT_MS = 420_000;

export default { ...base, testMatch: ['<rootDir>/test/images/**/*.images.ts'], maxWorkers: 1, testTimeout: CASE_TIMEOUT_MS };
