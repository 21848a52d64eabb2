import { expect, it } from '@jest/globals';
import { provisionStreams, PullLoop } from '@countersign/bus';
import { collector, openStand, until } from './bus-stand.js';

it('a loop counts that its streams are not there, until somebody makes them', async () => {
  const stand = await openStand();
  const { texts, take } = collector();
  const loop = new PullLoop({ bus: stand.ledger, onMessage: take });
  const counted = (): number => stand.ledger.failures.get('NOT_PROVISIONED') ?? Number.NaN;
  try {
    await loop.start();
    expect(counted()).toBe(0);
    await stand.provisioner.request('$JS.API.STREAM.DELETE.INTAKE', '', { timeoutMs: 2_000 });
    await until(() => counted() > 1);
    await provisionStreams(stand.provisioner);
    await stand.send('after');
    await until(() => texts.includes('after'));
    const counts = counted();
    await stand.send('and on');
    await until(() => texts.includes('and on'));
    expect(counted()).toBe(counts);
  } finally {
    await loop.stop(500);
    await stand.close();
  }
});
