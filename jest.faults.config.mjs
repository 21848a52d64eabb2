import base from './jest.config.mjs';

// Fault runs kill and freeze real processes, one case at a time; a case waits for its stack to recover.
const CASE_TIMEOUT_MS = 900_000;

export default { ...base, testMatch: ['<rootDir>/test/faults/**/*.faults.ts', '<rootDir>/apps/*/test/**/*.faults.ts'], maxWorkers: 1, testTimeout: CASE_TIMEOUT_MS };
