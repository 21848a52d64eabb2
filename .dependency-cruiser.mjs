import { boundaries } from './tools/boundary-rules.mjs';

export default boundaries;
