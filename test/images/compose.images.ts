import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { Agent } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { administratorBy, Browser, browserAgent, wanted } from '@countersign/devstack';
import { until } from '../faults/harness/waiting.js';
import { IMAGES } from '../../deploy/docker/closure.mjs';
import { contentsOf } from '../../tools/supply-chain/image-contents.mjs';
import { CLI_IMAGE, docker, IMAGE_PREFIX, ran, type Ran } from './harness/engine.js';
import { places, processStatus, queried, reachedFrom, reachOf } from './harness/inside.js';
import { Project, serviceOf } from './harness/project.js';

const OWN = ['backup', 'edge', 'identity', 'keys', 'ledger', 'retention'];
const JOBS = ['backup-provision', 'bus-provision', 'identity-provision', 'keys-provision', 'ledger-provision', 'nats-volume', 'retention-provision'];
const PUBLISHED_MS_MAX = 60_000;
const SCRAPED_MS_MAX = 60_000;
const DRILLED_MS_MAX = 240_000;
/** Of the accounts that belong to no other. */
const ORGANIZATION = 'home';

/**
 * What whoever has taken over a container can open a connection to: everything else that listens anywhere in the system is out of its reach.
 * The edge's public port is reached by all that share a network with it: it is what anybody outside reaches.
 */
const REACH = (published: string): Readonly<Record<string, readonly string[]>> => ({
  alertmanager: ['edge:8443'],
  backup: ['edge:8443', 'ledger:8080', 'nats:4222', 'postgres:5432'],
  edge: ['ledger:8080', published, 'nats:4222', 'redis:6379'],
  identity: ['nats:4222', 'postgres:5432', 'redis:6379'],
  keys: ['nats:4222', 'postgres:5432'],
  ledger: ['edge:8443', 'nats:4222', 'postgres:5432'],
  nats: ['edge:8443'],
  postgres: [],
  prometheus: ['alertmanager:9093', 'backup:9095', 'edge:8084', 'edge:8443', 'identity:8082', 'keys:8081', 'ledger:8080', 'retention:8084'],
  redis: ['edge:8443'],
  retention: ['nats:4222', 'postgres:5432'],
});

let project: Project;
let agent: Agent;
let admin: Browser;
let apiKey: string;

beforeAll(async () => {
  project = await Project.prepare();
  await project.up();
  agent = browserAgent(project.authority);
  admin = new Browser({ origin: project.origin, agent });
});

afterAll(async () => {
  agent?.destroy();
  await project?.close();
});

interface Recorded {
  readonly id: string;
  readonly ledger: string;
  readonly index: number;
}

async function send(): Promise<Recorded> {
  const event = { id: randomUUID(), type: 'http.billing.invoice.paid', time: new Date().toISOString(), data: { cents: 1_200 } };
  const { json } = wanted(await new Browser({ origin: project.origin, agent }).ask('POST', '/v1/events', { body: event, headers: { authorization: `Bearer ${apiKey}` } }), 200);
  const [{ receipt }] = json['results'] as [{ receipt: { tenant: string; index: number } }];
  return { id: event.id, ledger: receipt.tenant, index: receipt.index };
}

/** By the image of the command line, without a network. */
async function verify(folder: string): Promise<{ exit: number; said: unknown }> {
  const options = ['--network', 'none', '--read-only', '--tmpfs', '/tmp:mode=1777', '--cap-drop', 'ALL', '--volume', `${folder}:/proof:ro`];
  const { code, out, err } = await ran('docker', ['run', '--rm', ...options, CLI_IMAGE, '/app/start.mjs', 'verify', '--json', '--proof', '/proof/event.tlog-proof', '--key', '/proof/ledger.pub', '--seen-dir', '/tmp/seen']);
  return { exit: code, said: JSON.parse(out === '' ? err : out) as unknown };
}

const psql = (...args: readonly string[]): Promise<Ran> => project.container('postgres').then(({ Id }) => ran('docker', ['exec', Id, 'psql', '-X', '-w', ...args]));

interface Backup {
  readonly databases: readonly string[];
  readonly wal?: { readonly stream: string };
}
const backups = async (): Promise<readonly Backup[]> => {
  const { Id } = await project.container('backup');
  return (JSON.parse(await docker('exec', Id, 'node', '/app/start.mjs', 'backup', 'list', '--json')) as { backups: Backup[] }).backups;
};

describe('the system of deploy/compose, from built images', () => {
  it('makes its first administrator by the link that the operator prints', async () => {
    const { token } = JSON.parse(await project.run('operator', 'admin', 'setup-link', '--json')) as { token: string };
    const { userId } = await administratorBy(token, admin);
    expect(wanted(await admin.get('/v1/account/profile'), 200).json['userId']).toBe(userId);
  });

  it('takes an event over HTTPS, answers with its receipt, and proves it to a stranger who has no network', async () => {
    const { accountId } = wanted(await admin.post('/v1/admin/service-accounts', { name: 'billing', organization: ORGANIZATION }), 201).json as unknown as { accountId: string };
    const account = `/v1/admin/service-accounts/${accountId}`;
    expect((await admin.post(`${account}/roles`, { role: 'service', organization: ORGANIZATION })).status).toBeLessThan(300);
    apiKey = wanted(await admin.post(`${account}/api-keys`, { name: 'images', grants: [{ permission: 'event.write', scope: 'organization' }], days: 1 }), 201).json['key'] as string;
    const { id, ledger, index } = await send();

    let view: Readonly<Record<string, unknown>> = {};
    await until('a signed checkpoint covers the event', PUBLISHED_MS_MAX, async () => {
      view = wanted(await admin.get(`/v1/ledgers/${ledger}`), 200).json;
      return ((view['checkpoint'] as { treeSize: number } | undefined)?.treeSize ?? 0) > index;
    });
    const proof = wanted(await admin.get(`/v1/ledgers/${ledger}/proofs/${id}`), 200).text;
    const folder = join(project.folder, 'proof');
    mkdirSync(folder, { mode: 0o755 });
    writeFileSync(join(folder, 'ledger.pub'), `${(view['vkeys'] as string[]).join('\n')}\n`);
    writeFileSync(join(folder, 'event.tlog-proof'), proof);
    expect(await verify(folder)).toMatchObject({ exit: 0, said: { ok: true } });
    // The first hash of the path to the root.
    writeFileSync(join(folder, 'event.tlog-proof'), proof.replace(/^(index \d+\n)(.)/m, (_, index: string, first: string) => `${index}${first === 'A' ? 'B' : 'A'}`));
    expect(await verify(folder)).toMatchObject({ exit: 2, said: { ok: false, error: { code: 'PROOF_ROOT_MISMATCH' } } });
  });

  it('runs nobody as root, nothing with a capability, and nothing without a limit', async () => {
    const containers = await project.containers();
    expect(containers.map(serviceOf)).toEqual([...Object.keys(REACH('')), ...JOBS].toSorted());
    for (const { Config, HostConfig, Mounts, ...container } of containers) {
      const service = Config.Labels['com.docker.compose.service']!;
      expect({ service, ...HostConfig }).toMatchObject({ service, ReadonlyRootfs: true, Privileged: false, CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges:true'], PidMode: '' });
      expect(HostConfig.CapAdd ?? []).toEqual([]);
      expect(HostConfig.NetworkMode).not.toBe('host');
      expect(Config.User).toMatch(/^[1-9]\d*:[1-9]\d*$/);
      expect(Math.min(HostConfig.Memory, HostConfig.NanoCpus, HostConfig.PidsLimit ?? 0)).toBeGreaterThan(0);
      expect({ service, writable: Mounts.filter(({ RW, Type }) => RW && Type === 'bind') }).toEqual({ service, writable: [] });
      expect({ service, state: container.State.ExitCode, killed: container.State.OOMKilled }).toEqual({ service, state: 0, killed: false });
    }
  });

  it('is held to that by the kernel, and runs on the allocator of its image', async () => {
    for (const container of (await project.containers()).filter(({ State }) => State.Status === 'running')) {
      const status = await processStatus(container);
      const seen = Object.fromEntries(['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp'].map((name) => [name, status.get(name)]));
      const none = '0000000000000000';
      expect({ service: serviceOf(container), ...seen }).toEqual({ service: serviceOf(container), CapInh: none, CapPrm: none, CapEff: none, CapBnd: none, CapAmb: none, NoNewPrivs: '1', Seccomp: '2' });
      expect(status.get('Uid')!.split(/\s+/)).toEqual(Array.from({ length: 4 }, () => container.Config.User.split(':')[0]));
    }
    for (const service of OWN) {
      const { Id } = await project.container(service);
      const { err } = await ran('docker', ['exec', Id, 'node', '-e', "require('fs').writeFileSync('/app/start.mjs', '')"]);
      expect(err).toContain("EROFS: read-only file system, open '/app/start.mjs'");
      expect(await docker('exec', Id, 'node', '-p', "require('fs').readFileSync('/proc/1/maps', 'utf8').includes('/libjemalloc.so.2')")).toBe('true\n');
    }
  });

  it('lets a container that was taken over reach what it has to ask, and nothing else', async () => {
    const containers = (await project.containers()).filter(({ State }) => State.Status === 'running');
    const published = `machine:${project.port}`;
    const stranger = (await docker('run', '--detach', '--rm', '--cap-drop', 'ALL', CLI_IMAGE, '-e', "require('net').createServer().listen(9999)")).trim();
    try {
      const known = new Map(await places(containers));
      const ids = [...new Set(containers.flatMap(({ NetworkSettings }) => Object.values(NetworkSettings.Networks).map(({ NetworkID }) => NetworkID))), 'bridge'];
      for (const gateway of (await docker('network', 'inspect', '--format', '{{range .IPAM.Config}}{{.Gateway}}{{end}}', ...ids)).trim().split('\n')) known.set(`${gateway}:${project.port}`, published);
      known.set(`${(await docker('inspect', '--format', '{{(index .NetworkSettings.Networks "bridge").IPAddress}}', stranger)).trim()}:9999`, 'stranger:9999');
      expect([...new Set(known.values())].toSorted()).toEqual([...new Set(Object.values(REACH(published)).flat()), 'prometheus:9090', 'stranger:9999'].toSorted());
      expect(await reachOf(containers, known)).toEqual(REACH(published));
      // Another container of the same machine, to which this system is a stranger.
      expect(await reachedFrom('bridge', known)).toEqual([published, 'stranger:9999']);
    } finally {
      await docker('rm', '--force', stranger);
    }
  });

  it('talks in clear to no database, to no bus and to no Redis', async () => {
    const plain = await psql('host=postgres user=keys_runtime dbname=keys sslmode=disable');
    expect(plain).toMatchObject({ code: 2, err: expect.stringMatching(/no pg_hba\.conf entry for host "[\d.]+", user "keys_runtime", database "keys", no encryption/) });
    const { Id: postgres } = await project.container('postgres');
    const connections = 'SELECT DISTINCT usename, ssl, version FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE client_addr IS NOT NULL ORDER BY 1';
    const seen = await docker('exec', postgres, 'sh', '-c', `PGPASSWORD=$(cat /run/secrets/postgres-password) psql -XAt -U postgres -c '${connections}'`);
    expect(seen.trim().split('\n')).toEqual(['countersign_backup', 'identity_runtime', 'keys_runtime', 'ledger_eraser', 'ledger_reader', 'ledger_runtime', 'retention_runtime'].map((role) => `${role}|t|TLSv1.3`));

    const { Id: identity } = await project.container('identity');
    const heard = (host: string, port: number, said: string): Promise<string> =>
      docker('exec', identity, 'node', '-e', `const s = require('net').connect(${port}, '${host}', () => s.write('${said}')); s.on('data', (d) => { console.log(String(d)); s.destroy(); }).on('error', (e) => console.log(e.code)).on('end', () => console.log('closed'))`);
    expect(JSON.parse((await heard('nats', 4222, '')).replace(/^INFO /, ''))).toMatchObject({ tls_required: true, tls_verify: true, auth_required: true });
    expect(await heard('redis', 6379, 'PING\\\\r\\\\n')).toMatch(/^(closed|ECONNRESET)\n/);
  });

  it('is watched: every service is scraped, and tells when its certificate for the bus ends', async () => {
    const prometheus = await project.container('prometheus');
    const jobs = OWN.map((service) => `countersign-${service}`);
    await until('every service was scraped', SCRAPED_MS_MAX, async () => (await queried(prometheus, 'up == 1')).length === jobs.length);
    expect(await queried(prometheus, 'up')).toEqual(jobs.map((job) => [job, 1]));
    const days = await queried(prometheus, 'floor((countersign_bus_certificate_end_timestamp_seconds - time()) / 86400)');
    expect(days).toEqual(jobs.map((job) => [job, 364]));
  });

  it('is known to the last package: a bill of materials of each image names its Node, its allocator and what its base brings', () => {
    const library = ['libc6', 'libjemalloc2', 'libstdc++6'];
    for (const image of IMAGES) {
      const { node, system, packages } = contentsOf(`${IMAGE_PREFIX}/${image}`);
      expect({ image, node, system }).toEqual({ image, node: expect.stringMatching(/^24\./), system: { id: 'debian', version: '13' } });
      const names = packages.map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining(library));
      expect(names.some((name) => /^postgresql-\d+$/.test(name))).toBe(image === 'backup');
    }
  });

  it('takes backups from its first minute on, and has restored one for practice', async () => {
    const prometheus = await project.container('prometheus');
    await until('a drill went well', DRILLED_MS_MAX, async () => (await queried(prometheus, 'countersign_backup_drill_timestamp_seconds > 0')).length === 1);
    expect(await queried(prometheus, 'countersign_backup_failures_total')).toEqual([]);
    expect(await backups()).toEqual([expect.objectContaining({ databases: ['identity', 'keys', 'keys_subjects', 'ledger', 'postgres', 'retention'], wal: expect.anything() })]);
  });

  it('goes on after its certificates were looked at and its servers started again, as the page says', async () => {
    const { index } = await send();
    await project.run('prepare', '--host', 'audit.example.com');
    await project.compose('restart', 'postgres', 'nats', 'redis', 'edge');
    await project.healthy();
    expect((await send()).index).toBeGreaterThan(index);
  });

  it('comes back, proved, after its database and the disk of that are lost', async () => {
    const { ledger, index } = await send();
    // What it signs last has to reach the archive: a disk that is lost sooner takes it along.
    await project.compose('stop', 'ledger');
    const [stoppedAt, prometheus] = [Date.now() / 1_000, await project.container('prometheus')];
    await until('the log is archived', SCRAPED_MS_MAX, async () => ((await queried(prometheus, 'countersign_backup_log_archived_timestamp_seconds'))[0]?.[1] ?? 0) > stoppedAt);
    await project.compose('stop');
    await project.lose('postgres', 'postgres-data');
    const { ledgers } = JSON.parse(await project.run('restore', '--json')) as { ledgers: { tenant: string; treeSize: number; provedSize: number }[] };
    expect(ledgers.find(({ tenant }) => tenant === ledger)).toMatchObject({ treeSize: index + 1, provedSize: expect.any(Number) });
    await project.up();
    expect((await send()).index).toBe(index + 1);
    // Its log is another one, and wants a backup of its own.
    await until('another backup is listed', DRILLED_MS_MAX, async () => (await backups()).length === 2);
  });

  it('ends well, and leaves nothing behind', async () => {
    await project.compose('stop');
    const ended = (await project.containers()).map((one) => ({ service: serviceOf(one), code: one.State.ExitCode })).filter(({ service }) => OWN.includes(service));
    expect(ended).toEqual(OWN.map((service) => ({ service, code: 0 })));
    await project.close();
    expect(await project.left()).toEqual([]);
  });
});
