import { FilesFault } from '@countersign/files';
import { HolderFault } from '@countersign/holder';
import type { Logger } from '@countersign/runtime';
import type { Flows } from '../parts.js';
import { RulesMoved } from '../sweep/rule-gate.js';
import { RENEW_MS, type RequestRow } from '../store/request-rows.js';
import { erase, ERASED_REASON, ErasureOutstanding, isClosedMeanwhile } from './erase.js';
import { exportByHand, prepareExport } from './export.js';
import { bySelf } from './because.js';
import { changeRequest } from './request-store.js';
import { placeRestriction } from './restrictions.js';

const PAUSE_MS = 1_000;

/** Carries out what was asked for, one request after the other; what fails is tried again, and told. */
export class RequestWorker {
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> = Promise.resolve();
  #wakeWaits = false;

  constructor(
    private readonly flows: Flows,
    private readonly log: Pick<Logger, 'info' | 'warn'>,
  ) {}

  start(): void {
    this.#schedule(0);
  }

  /** Something is to be done now. */
  wake(): void {
    this.#wakeWaits = true;
    if (this.#timer !== undefined) this.#schedule(0);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#working;
  }

  #schedule(pauseMs: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#wakeWaits = false;
      this.#working = this.#round()
        .catch((error: unknown) => this.log.warn({ err: error }, 'requests of data subjects cannot be looked at, it is tried again'))
        .finally(() => this.#schedule(this.#wakeWaits ? 0 : PAUSE_MS));
    }, pauseMs);
  }

  async #round(): Promise<void> {
    for (let row = await this.flows.requests.take(); row !== undefined && !this.#stopped; row = await this.flows.requests.take()) await this.#carryOut(row);
  }

  /** While it is worked on nobody else takes it up; after a crash somebody does within half a minute. */
  async #claimed(requestId: string, work: () => Promise<void>): Promise<void> {
    const renewing = setInterval(() => {
      this.flows.requests.renew(requestId).catch((error: unknown) => this.log.warn({ err: error, requestId }, 'a request is worked on, and nobody can be told'));
    }, RENEW_MS);
    try {
      await work();
    } finally {
      clearInterval(renewing);
    }
  }

  async #carryOut(row: RequestRow): Promise<void> {
    const { request_id: requestId } = row;
    try {
      await this.#claimed(requestId, () => carryOut(this.flows, row));
    } catch (error) {
      if (error instanceof HolderFault && error.code === 'SUBJECT_NEEDED') {
        // Identity lets go first, and has not: without this the next start would destroy the keys of somebody who is still there.
        await this.flows.tombstones.append({ requestId, tenant: row.tenant, subject: row.subject, at: row.received_at.toISOString(), isVoid: true });
        await changeRequest(this.flows, row, { type: 'wait', reason: 'nobody else could administer: give somebody else the role first', isHeld: false }, bySelf(requestId, this.flows.now()));
        return;
      }
      if (error instanceof RulesMoved) {
        // Planned anew at once: a hold may cover some of it now.
        await this.flows.requests.postpone({ ...row, tries: 1 });
        return;
      }
      if (error instanceof ErasureOutstanding) {
        this.log.info({ requestId }, 'services have still to erase somebody');
        await this.flows.requests.postpone(row);
        return;
      }
      if (row.kind === 'export' && error instanceof FilesFault && error.code === 'FILE_MISSING') {
        // No key of the person is there to write it under.
        await changeRequest(this.flows, row, { type: 'refuse', reason: ERASED_REASON }, bySelf(requestId, this.flows.now()));
        return;
      }
      const byHand = row.kind === 'export' ? exportByHand(error) : undefined;
      if (byHand !== undefined) {
        await changeRequest(this.flows, row, { type: 'wait', reason: byHand, isHeld: false }, bySelf(requestId, this.flows.now()));
        return;
      }
      // Withdrawn, or its subject erased, while it was carried out.
      if (isClosedMeanwhile(error)) return;
      // The request's id is opaque; whose it is, the log is not told.
      this.log.warn({ err: error, requestId, kind: row.kind }, 'a request of a data subject failed, it is tried again');
      await this.flows.requests.postpone(row);
    }
  }
}

async function carryOut(flows: Flows, row: RequestRow): Promise<void> {
  const { request_id: requestId } = row;
  const because = bySelf(requestId, flows.now());
  switch (row.kind) {
    case 'delete':
      return erase(flows, row);
    case 'export':
      return prepareExport(flows, row);
    case 'correct':
      return changeRequest(flows, row, { type: 'wait', reason: 'somebody has to make the correction', isHeld: false }, because);
    case 'restrict':
      return placeRestriction(flows, row);
  }
}
