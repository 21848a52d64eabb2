import type { Environment } from '@countersign/runtime';
import { SecretFault } from './secret-fault.js';
import type { SecretProvider, SecretReading } from './secret-provider.js';

/** Variables of the environment, for development: anywhere else every reading is refused. */
export class EnvProvider implements SecretProvider {
  readonly name = 'env';

  constructor(
    private readonly env: Environment,
    private readonly isDevelopment: boolean,
  ) {}

  async read(location: string): Promise<SecretReading> {
    if (!this.isDevelopment) throw new SecretFault('SECRET_ENV_FORBIDDEN', 'is in the environment, which is allowed in development only: put it into a file or a secrets manager');
    const value = this.env[location];
    if (value === undefined || value === '') throw new SecretFault('SECRET_NOT_FOUND', 'is not in the environment');
    return { value: Buffer.from(value, 'utf8'), warning: 'it comes from the environment: for development only' };
  }

  close(): void {
    // Nothing is open.
  }
}
