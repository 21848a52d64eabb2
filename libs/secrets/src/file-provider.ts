import { open } from 'node:fs/promises';
import { SecretFault, type SecretFaultCode } from './secret-fault.js';
import { SECRET_BYTES_MAX, type SecretProvider, type SecretReading } from './secret-provider.js';

const NEWLINE = 0x0a;
const RETURN = 0x0d;

const CODES: Readonly<Record<string, SecretFaultCode>> = {
  ENOENT: 'SECRET_NOT_FOUND',
  ENOTDIR: 'SECRET_NOT_FOUND',
  EACCES: 'SECRET_DENIED',
  EPERM: 'SECRET_DENIED',
  EISDIR: 'SECRET_MALFORMED',
};

/** One file a secret, as Docker and Kubernetes mount them. One newline at the end is not part of the value. */
export class FileProvider implements SecretProvider {
  readonly name = 'file';

  /** @param location path of the file; links are followed, Kubernetes swaps them at a rotation */
  async read(location: string): Promise<SecretReading> {
    const file = await open(location, 'r').catch((error: unknown) => {
      throw faultOf(error);
    });
    try {
      const { mode, mtimeMs, size } = await file.stat();
      if (size > SECRET_BYTES_MAX) throw new SecretFault('SECRET_TOO_LARGE', `is larger than ${SECRET_BYTES_MAX} bytes`);
      const buffer = Buffer.alloc(SECRET_BYTES_MAX + 2);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
      const value = Buffer.from(withoutNewline(buffer.subarray(0, bytesRead)));
      buffer.fill(0);
      const isOpen = (mode & 0o007) !== 0;
      return { value, changedAtMs: mtimeMs, ...(isOpen ? { warning: `its file is open to every user of this machine (mode ${(mode & 0o777).toString(8)})` } : {}) };
    } catch (error) {
      throw faultOf(error);
    } finally {
      await file.close();
    }
  }

  close(): void {
    // Nothing stays open.
  }
}

function withoutNewline(bytes: Buffer): Buffer {
  if (bytes.at(-1) !== NEWLINE) return bytes;
  return bytes.subarray(0, bytes.at(-2) === RETURN ? -2 : -1);
}

function faultOf(error: unknown): SecretFault {
  if (error instanceof SecretFault) return error;
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
  return new SecretFault(CODES[code] ?? 'SECRET_PROVIDER_UNAVAILABLE', `names a file that cannot be read (${code})`);
}
