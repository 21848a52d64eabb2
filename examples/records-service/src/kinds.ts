/** What this service holds, as it tells Countersign. */
export interface Kind {
  /** Table, and second word of the type's name. */
  readonly table: 'contracts' | 'messages' | 'attachments';
  readonly type: string;
  readonly description: { readonly service: string; readonly clock: 'created' | 'closed'; readonly actions: readonly ['delete']; readonly classes: readonly string[] };
  /** Reads one resource; ids and times only, nothing that was written in it. */
  readonly select: string;
}

const SERVICE = 'records';

const kind = (table: Kind['table'], name: string, dataClass: string, clock: 'created' | 'closed', created: string, closed: string): Omit<Kind, 'type'> & { readonly name: string } => ({
  table, name,
  description: { service: SERVICE, clock, actions: ['delete'], classes: [dataClass] },
  select: `SELECT id, '${dataClass}' AS class, customer AS subject, ${created} AS created, ${closed} AS closed FROM ${table} WHERE id = ANY ($1)`,
});

/** The types below an organisation's name. How long each is kept is no matter of this service: its policies are Countersign's. */
export function kindsOf(organization: string): Kind[] {
  return [
    // A contract is kept from its end; while it runs, no period does.
    kind('contracts', 'contract', 'legal', 'closed', 'signed_at', 'ended_at'),
    kind('messages', 'message', 'content', 'created', 'sent_at', 'NULL::timestamptz'),
    kind('attachments', 'attachment', 'attachment', 'created', 'added_at', 'NULL::timestamptz'),
  ].map(({ name, ...rest }) => ({ ...rest, type: `${organization}.${name}` }));
}
