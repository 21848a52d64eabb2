import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { connectBus, publishIntake } from '@countersign/bus';
import { removePostgres, startDevstack, startTestStack, type Devstack } from '@countersign/devstack';
import { withClient } from '@countersign/postgres';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
let stateDir: string;
let stacks: Devstack[] = [];

const start = async (durable = false): Promise<Devstack> => {
  const stack = await startDevstack({ stateDir, durable });
  stacks.push(stack);
  return stack;
};
// A dead process that nobody has reaped has an empty command line.
const alive = (pid: number): boolean => existsSync(`/proc/${String(pid)}`) && readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8') !== '';
const isServing = async (stack: Devstack): Promise<void> => {
  const url = await stack.createDatabase('probe');
  await withClient(url, (client) => client.query('SELECT 1'));
  const services = await connectBus({ url: stack.nats.url, nkeySeedFile: stack.nats.users.services, name: 'services' });
  expect(await publishIntake(services, 'intake.a.b', 'x', { timeoutMs: 2_000 })).toMatchObject({ stream: 'INTAKE' });
  await services.close();
};

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'countersign-stack-'));
  await chmod(stateDir, 0o711);
});
afterEach(async () => {
  for (const stack of stacks) await stack.stop();
  stacks = [];
  await removePostgres(join(stateDir, 'postgres'));
  await rm(stateDir, { recursive: true, force: true });
});

/** Starts a stack in another process and returns the ids of its servers; the process goes on running. */
async function startElsewhere(): Promise<{ parent: number; postgres: number; nats: number; gone: Promise<unknown> }> {
  const script = `
    import { startDevstack } from '@countersign/devstack';
    const stack = await startDevstack({ stateDir: process.argv[1], durable: true });
    console.log(JSON.stringify({ postgres: stack.postgres.pid, nats: stack.nats.pid }));
    setInterval(() => undefined, 1000);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script, stateDir], { cwd: PACKAGE, stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk) => resolve(String(chunk)));
    child.once('exit', (code) => reject(new Error(`the other process ended with ${String(code)}`)));
  });
  return { parent: child.pid ?? 0, gone, ...(JSON.parse(line) as { postgres: number; nats: number }) };
}

describe('a stack', () => {
  it('serves, keeps its data and its ports over a stop, and is durable when asked', async () => {
    const first = await start(true);
    const url = await first.createDatabase('shop');
    await withClient(url, (client) => client.query('CREATE TABLE kept AS SELECT 7 AS n'));
    await first.stop();
    expect([alive(first.postgres.pid), alive(first.nats.pid)]).toEqual([false, false]);
    const second = await start(true);
    expect(second.databaseUrl('shop')).toBe(url);
    expect(second.nats.url).toBe(first.nats.url);
    await withClient(url, async (client) => {
      expect((await client.query(`SELECT DISTINCT setting FROM pg_settings WHERE name IN ('synchronous_commit', 'fsync', 'full_page_writes', 'data_checksums')`)).rows).toEqual([{ setting: 'on' }]);
      expect((await client.query('SELECT n FROM kept')).rows).toEqual([{ n: 7 }]);
    });
    await isServing(second);
  });

  it('takes other ports when its own are taken meanwhile', async () => {
    const first = await start();
    await first.stop();
    const squatters = await Promise.all([first.postgres.port, first.nats.port].map((port) => new Promise<Server>((resolve) => {
      const server = createServer();
      server.listen(port, '127.0.0.1', () => resolve(server));
    })));
    const second = await start();
    expect([second.postgres.port, second.nats.port]).not.toEqual([first.postgres.port, first.nats.port]);
    await isServing(second);
    for (const server of squatters) server.close();
  });

  it('starts with a broken stack.json', async () => {
    await writeFile(join(stateDir, 'stack.json'), '{"postgres": 12');
    await isServing(await start());
  });

  it('may be moved with all that is in it', async () => {
    const first = await start();
    await withClient(await first.createDatabase('shop'), (client) => client.query('CREATE TABLE kept AS SELECT 7 AS n'));
    await first.stop();
    const moved = `${stateDir}-moved`;
    await rename(stateDir, moved);
    stateDir = moved;
    const second = await start();
    expect((await withClient(second.databaseUrl('shop'), (client) => client.query('SELECT n FROM kept'))).rows).toEqual([{ n: 7 }]);
  });

  it('keeps its data outside when the server user cannot reach the folder, as in the home of root', async () => {
    await chmod(stateDir, 0o700);
    const stack = await start();
    await stack.createDatabase('shop');
    await stack.stop();
    const again = await start();
    await isServing(again);
    expect(again.postgres.dataDir).toBe(stack.postgres.dataDir);
    expect(again.postgres.dataDir.startsWith(stateDir)).toBe(process.getuid?.() !== 0);
    await again.stop();
    await removePostgres(join(stateDir, 'postgres'));
    expect(existsSync(again.postgres.dataDir)).toBe(false);
  });

  it('keeps secrets in files that only their owner reads', async () => {
    const stack = await start();
    const files = [stack.nats.users.ledger, stack.nats.users.services, join(stateDir, 'nats', 'system.nk'), join(stateDir, 'postgres', 'superuser.password')];
    for (const file of files) expect((await stat(file)).mode & 0o777).toBe(0o600);
    const password = await readFile(join(stateDir, 'postgres', 'superuser.password'), 'utf8');
    expect(await readFile(`/proc/${String(stack.postgres.pid)}/cmdline`, 'utf8')).not.toContain(password);
    await expect(withClient(stack.postgres.superuserUrl.replace(password, 'wrong'), async () => 'in')).rejects.toMatchObject({ code: '28P01' });
  });
});

describe('crashes', () => {
  it('PostgreSQL killed with -9: the same data serves again', async () => {
    const stack = await start(true);
    const url = await stack.createDatabase('shop');
    await withClient(url, (client) => client.query('CREATE TABLE kept AS SELECT 7 AS n'));
    await stack.postgres.kill('SIGKILL');
    await stack.nats.stop();
    const again = await start(true);
    expect((await withClient(again.databaseUrl('shop'), (client) => client.query('SELECT n FROM kept'))).rows).toEqual([{ n: 7 }]);
  });

  it('both frozen for ever: the next start ends them and serves', async () => {
    const stack = await start();
    await stack.postgres.kill('SIGSTOP');
    await stack.nats.kill('SIGSTOP');
    await isServing(await start());
    expect([alive(stack.postgres.pid), alive(stack.nats.pid)]).toEqual([false, false]);
  });

  it('PostgreSQL frozen and then killed with -9: its frozen backends do not block the next start', async () => {
    const stack = await start();
    await stack.postgres.kill('SIGSTOP');
    await stack.postgres.kill('SIGKILL');
    await stack.nats.stop();
    await isServing(await start());
  });

  it('the parent killed with -9: the next start takes the orphans over', async () => {
    const other = await startElsewhere();
    process.kill(other.parent, 'SIGKILL');
    await other.gone;
    expect([alive(other.postgres), alive(other.nats)]).toEqual([true, true]);
    const stack = await start(true);
    expect([alive(other.postgres), alive(other.nats)]).toEqual([false, false]);
    await isServing(stack);
  });

  it('a stale postmaster.pid whose process id now belongs to another program', async () => {
    const stack = await start();
    const pidFile = join(stack.postgres.dataDir, 'postmaster.pid');
    const lines = (await readFile(pidFile, 'utf8')).split('\n');
    await stack.postgres.kill('SIGKILL');
    await stack.nats.stop();
    await writeFile(pidFile, [String(process.pid), ...lines.slice(1)].join('\n'));
    await isServing(await start());
  });

  it('an initdb that was interrupted', async () => {
    const stack = await start();
    await stack.stop();
    await rm(join(stack.postgres.dataDir, 'PG_VERSION'));
    await isServing(await start());
  });

  it('STACK_RUNNING while another live process runs it, and the other one is left alone', async () => {
    const other = await startElsewhere();
    await expect(startDevstack({ stateDir, durable: true })).rejects.toMatchObject({ code: 'STACK_RUNNING' });
    expect([alive(other.postgres), alive(other.nats)]).toEqual([true, true]);
    process.kill(other.parent, 'SIGKILL');
    await other.gone;
    await isServing(await start(true));
  });
});

describe('a test stack', () => {
  it('starts quickly and leaves nothing behind', async () => {
    const before = performance.now();
    const stack = await startTestStack();
    expect(performance.now() - before).toBeLessThan(20_000);
    await isServing(stack);
    await stack.stop();
    expect([existsSync(stack.stateDir), existsSync(stack.postgres.dataDir), alive(stack.postgres.pid), alive(stack.nats.pid)]).toEqual([false, false, false, false]);
  });

  it.each(['process.exit(0)', "process.kill(process.pid, 'SIGKILL')"])('ends its servers and deletes its folder after %s', async (ending) => {
    const script = `
      import { startTestStack } from '@countersign/devstack';
      const stack = await startTestStack();
      console.log(JSON.stringify([stack.postgres.pid, stack.nats.pid, stack.stateDir]));
      ${ending};
    `;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { cwd: PACKAGE, stdio: ['ignore', 'pipe', 'inherit'] });
    const output = await new Promise<string>((resolve) => child.stdout.once('data', (chunk) => resolve(String(chunk))));
    const [postgres, nats, dir] = JSON.parse(output) as [number, number, string];
    const end = performance.now() + 30_000;
    while ((alive(postgres) || alive(nats) || existsSync(dir)) && performance.now() < end) await sleep(50);
    expect([alive(postgres), alive(nats), existsSync(dir)]).toEqual([false, false, false]);
  });
});
