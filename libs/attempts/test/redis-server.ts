import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

const START_MS_MAX = 20_000;

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

/** A real server that keeps nothing. */
export async function startRedis(program: string): Promise<RedisServer> {
  const dir = mkdtempSync(join(tmpdir(), 'countersign-redis-'));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    child = spawn(program, ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', dir], { stdio: 'ignore' });
    await answers(url);
  };
  const kill = async (): Promise<void> => {
    if (child === undefined) return;
    const gone = new Promise((resolve) => child!.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    child = undefined;
  };
  await start();
  return {
    url,
    stop: async () => {
      await kill();
      rmSync(dir, { recursive: true, force: true });
    },
    kill,
    start,
  };
}

async function answers(url: string): Promise<void> {
  const redis = new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
  redis.on('error', () => undefined);
  try {
    await Promise.race([redis.ping(), sleep(START_MS_MAX, undefined, { ref: false }).then(() => Promise.reject(new Error('redis-server does not answer')))]);
  } finally {
    redis.disconnect();
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
