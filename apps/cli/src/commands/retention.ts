import { Command } from 'commander';
import type { Ended, Io } from '../io.js';
import { certificateCommand } from './retention-certificate.js';

export function retentionCommand(io: Io, ended: Ended): Command {
  return new Command('retention').description('policies, holds and what was deleted').addCommand(certificateCommand(io, ended));
}
