import { createHmac } from 'node:crypto';
import { IdentityFault } from '../domain/identity-fault.js';
import type { Sms, SmsProvider } from './sms-provider.js';

const ANSWER_MS_MAX = 5_000;
const RETRY_MS = 10_000;

export interface WebhookOptions {
  readonly fetch: typeof fetch;
  /** Of the operator's own gateway. */
  readonly url: string;
  /** Of the signature. */
  readonly key: () => string;
  readonly now: () => Date;
}

/**
 * Hands messages to a program of the operator's, which knows a provider: `POST` of `{id, to, text}` as JSON, signed over time and body in
 * `countersign-signature: t=<seconds>,v1=<hex HMAC-SHA-256 of "<seconds>.<body>">`. Any 2xx takes the message over.
 */
export class WebhookSmsProvider implements SmsProvider {
  constructor(private readonly options: WebhookOptions) {}

  async send(sms: Sms): Promise<void> {
    const { fetch, url, key, now } = this.options;
    const body = JSON.stringify(sms);
    const seconds = Math.floor(now().getTime() / 1_000);
    const signature = createHmac('sha256', key()).update(`${seconds}.${body}`).digest('hex');
    // A redirect would take number and code to whoever it names.
    const answered = fetch(url, {
      method: 'POST', body, redirect: 'error', signal: AbortSignal.timeout(ANSWER_MS_MAX),
      headers: { 'content-type': 'application/json', 'countersign-signature': `t=${seconds},v1=${signature}` },
    });
    const isTaken = await answered.then(async (answer) => {
      await answer.body?.cancel();
      return answer.ok;
    }, () => false);
    if (!isTaken) throw new IdentityFault('SMS_UNSENT', 'the message could not be sent', { retryAfterMs: RETRY_MS });
  }
}
