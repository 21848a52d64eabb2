import { expect, it } from '@jest/globals';
import { found, type Stand } from '../fixture/stand.js';

/** The end of the service, as a deployment asks for it. */
export function endingSuite(open: () => Stand): void {
  it('ends in order while a request waits for a holder that does not answer, and the request is told', async () => {
    const stand = open();
    const { platform } = stand;
    const person = await stand.person();
    // It takes what it is asked, and says nothing.
    platform.ledger.signal('SIGSTOP');
    try {
      const asked = person.browser.get('/v1/account/privacy');
      await found('the request is under way', async () => {
        const metrics = await (await fetch(`${platform.retention.url}/metrics`)).text();
        return /^countersign_retention_requests_open\{[^}]*\} [1-9]/m.test(metrics) || undefined;
      });
      await platform.retention.stop();
      expect((await asked).json.code).toBe('RETENTION_UNAVAILABLE');
    } finally {
      platform.ledger.signal('SIGCONT');
    }
  });
}
