import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { killAtExit } from './exit-hook.js';
import { choosePort } from './free-port.js';
import { DevstackError } from './state-files.js';

const START_MS_MAX = 20_000;
const POLL_MS = 10;

/** Of Debian's package redis-server, or any other in PATH. Undefined: there is none, and what needs it is left out. */
export function redisProgram(): string | undefined {
  const found = spawnSync('/bin/sh', ['-c', 'PATH="$PATH:/usr/local/bin:/usr/sbin" command -v redis-server'], { encoding: 'utf8' });
  return found.status === 0 ? found.stdout.trim() : undefined;
}

export interface RedisServer {
  readonly url: string;
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** On the same port, empty. */
  start(): Promise<void>;
}

/** A real server that keeps nothing. Throws DevstackError START_FAILED. */
export async function startRedis(program: string): Promise<RedisServer> {
  const dir = await mkdtemp(join(tmpdir(), 'countersign-redis-'));
  const port = await choosePort();
  let child: ChildProcess | undefined;
  let forget: () => unknown = () => undefined;
  const start = async (): Promise<void> => {
    child = spawn(program, ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', dir], { stdio: 'ignore' });
    if (child.pid !== undefined) forget = killAtExit(child.pid, 'SIGKILL');
    for (const endMs = performance.now() + START_MS_MAX; !(await answers(port)); await sleep(POLL_MS)) {
      if (performance.now() > endMs) throw new DevstackError('START_FAILED', 'redis-server does not answer');
    }
  };
  const kill = async (): Promise<void> => {
    if (child === undefined) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    forget();
    child = undefined;
  };
  await start();
  return {
    url: `redis://127.0.0.1:${String(port)}`,
    start,
    kill,
    async stop() {
      await kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write('PING\r\n'));
    socket.once('data', (data) => {
      socket.destroy();
      done(data.toString().startsWith('+PONG'));
    });
    socket.once('error', () => done(false));
  });
}
