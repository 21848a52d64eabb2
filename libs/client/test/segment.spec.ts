import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { FRAME_HEADER_BYTES, scanFrames, sealFrame } from '../src/spool/frame.js';
import { SpoolKey } from '../src/spool/spool-key.js';
import { prepareSegment } from '../src/spool/segment.js';
import { temporaryFolder } from './temp-folder.js';

function frame(text: string): Buffer {
  const into = Buffer.alloc(FRAME_HEADER_BYTES + text.length);
  sealFrame(into, Buffer.from(text), { kind: 'events', fileNumber: 1, eventCount: 1, lastSequence: 1 }, SpoolKey.fresh().freshFileKey(), 0);
  return into;
}

describe('segment', () => {
  it('a frame whose append was not confirmed can be made to never have been', async () => {
    const segment = await prepareSegment(await temporaryFolder(), 1, 256 * 1024, undefined);
    const [first, second] = [frame('first'), frame('second')];
    await segment.append(first, 0, first.length);
    await segment.append(second, 0, second.length);
    expect(scanFrames(await readFile(segment.file), 1).frames).toHaveLength(2);
    // As if the second append had thrown after its bytes were on the disk.
    segment.used -= second.length;
    await segment.erase();
    const scan = scanFrames(await readFile(segment.file), 1);
    expect(scan).toMatchObject({ damage: [], end: first.length });
    expect(scan.frames).toHaveLength(1);
    await segment.append(second, 0, second.length);
    expect(scanFrames(await readFile(segment.file), 1).frames).toHaveLength(2);
    await segment.close();
  });

  it('has all its bytes from the start', async () => {
    const segment = await prepareSegment(await temporaryFolder(), 1, 256 * 1024, undefined);
    expect((await readFile(segment.file)).equals(Buffer.alloc(256 * 1024))).toBe(true);
    await segment.close();
  });
});
