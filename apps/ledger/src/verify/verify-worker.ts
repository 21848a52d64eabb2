/** Entry of the verifying threads: the jobs by name. */
export { verifyCheckpoints } from './verify-checkpoints.js';
export { verifySegment } from './verify-segment.js';
