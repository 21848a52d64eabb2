import { BusError, type BusConnection } from '@countersign/bus';
import { holderTypeReplySchema, holderTypesSubject, type HolderTypeRequest } from '@countersign/contracts';

const TIMEOUT_MS = 10_000;

/** Retention's refusal to register a type; `code` as in docs/spec/retention-api.md, RETENTION_UNAVAILABLE where nobody answers. */
export class TypeRefused extends Error {
  override readonly name = 'TypeRefused';
  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Registers what a service of the tenant holds, or says anew what it is. The same again changes nothing. Rejects with TypeRefused. */
export async function registerType(bus: Pick<BusConnection, 'request'>, tenant: string, service: string, type: HolderTypeRequest): Promise<void> {
  const reply = holderTypeReplySchema.safeParse(await ask(bus, holderTypesSubject(tenant, service), JSON.stringify(type)));
  if (!reply.success) throw new TypeRefused('RETENTION_INTERNAL', 'retention answers what is no answer');
  if ('error' in reply.data) throw new TypeRefused(reply.data.error.code, reply.data.error.message);
}

async function ask(bus: Pick<BusConnection, 'request'>, subject: string, body: string): Promise<unknown> {
  try {
    return JSON.parse(Buffer.from((await bus.request(subject, body, { timeoutMs: TIMEOUT_MS })).data).toString('utf8'));
  } catch (error) {
    if (error instanceof BusError) throw new TypeRefused('RETENTION_UNAVAILABLE', `${subject}: ${error.code}`, { cause: error });
    throw new TypeRefused('RETENTION_INTERNAL', 'the answer is no JSON', { cause: error });
  }
}
