import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { ROOT } from './folder-of.js';

interface Service {
  readonly image: string;
  readonly user?: string;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly read_only?: boolean;
  readonly privileged?: boolean;
  readonly network_mode?: string;
  readonly networks?: readonly string[] | Readonly<Record<string, unknown>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly mem_limit?: string;
  readonly pids_limit?: number;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly secrets?: readonly (string | { readonly source: string })[];
  readonly profiles?: readonly string[];
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

const SERVICES = ['edge', 'identity', 'keys', 'ledger', 'retention'];
/** Backups are the command line's. */
const OWN = ['backup', ...SERVICES];
/** In the order of the file. */
const OWN_FIRST = ['edge', 'ledger', 'keys', 'identity', 'retention', 'backup'];
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const compose = parse(read('deploy/compose/docker-compose.yml'), { merge: true }) as Compose;
const services = Object.entries(compose.services);
const secretsOf = ({ secrets = [] }: Service): readonly string[] => secrets.map((one) => (typeof one === 'string' ? one : one.source));
const networksOf = ({ networks = [] }: Service): readonly string[] => (Array.isArray(networks) ? (networks as readonly string[]) : Object.keys(networks));

/** What shares a network: whoever may open a connection to it. */
function neighbours(name: string): string[] {
  const own = new Set(networksOf(compose.services[name]!));
  return services.filter(([other, service]) => other !== name && service.profiles === undefined && networksOf(service).some((network) => own.has(network))).map(([other]) => other).toSorted();
}

describe('the deployment by Compose', () => {
  it('has every service, what they stand on, and what watches them', () => {
    expect(Object.keys(compose.services)).toEqual(expect.arrayContaining([...OWN, 'postgres', 'nats', 'redis', 'prometheus', 'alertmanager', 'grafana', 'loki', 'log-shipper']));
    const apps = readdirSync(join(ROOT, 'apps')).filter((name) => name !== 'cli');
    expect(apps.toSorted()).toEqual(SERVICES);
  });

  it.each(services)('%s has no rights, no root file system to write to, and limits', (_name, service) => {
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
    expect(service.privileged).toBeUndefined();
    expect(service.mem_limit).toMatch(/^\d+[mg]$/);
    expect(service.pids_limit).toBeGreaterThan(0);
    expect(service.volumes?.join(' ') ?? '').not.toMatch(/docker\.sock|\/var\/lib\/docker/);
  });

  it('runs nothing as root but what gives files to others, without a network', () => {
    const isRoot = ({ user }: Service): boolean => user === undefined || !/^[1-9]\d*:[1-9]\d*$/.test(user);
    expect(services.filter(([, service]) => isRoot(service) || service.cap_add !== undefined).map(([name]) => name)).toEqual(['restore', 'prepare']);
    const tool = { network_mode: 'none', profiles: ['tools'] };
    expect(compose.services['prepare']).toMatchObject({ ...tool, cap_add: ['CHOWN', 'DAC_OVERRIDE'] });
    expect(compose.services['restore']).toMatchObject({ ...tool, cap_add: ['CHOWN', 'DAC_OVERRIDE', 'KILL', 'SETGID', 'SETUID'] });
  });

  it('opens one port beyond this machine: that of the edge', () => {
    const open = services.flatMap(([name, { ports = [] }]) => ports.filter((port) => !port.startsWith('127.0.0.1:')).map((port) => [name, port]));
    expect(open).toEqual([['edge', '${COUNTERSIGN_PORT:-8443}:8443']]);
    const outward = Object.entries(compose.networks).filter(([, { internal }]) => internal !== true).map(([name]) => name);
    const reachable = services.filter(([, service]) => service.network_mode === undefined && networksOf(service).some((network) => outward.includes(network))).map(([name]) => name);
    expect(reachable).toEqual(['edge', 'grafana', 'log-shipper']);
  });

  it('lets a service share a network only with those that it asks or that ask it', () => {
    const seen = Object.fromEntries(OWN.map((name) => [name, neighbours(name)]));
    expect(seen).toEqual({
      backup: ['backup-provision', 'edge', 'ledger', 'nats', 'postgres', 'prometheus'],
      edge: ['alertmanager', 'backup', 'ledger', 'nats', 'prometheus', 'redis'],
      identity: ['identity-provision', 'nats', 'postgres', 'prometheus', 'redis'],
      keys: ['keys-provision', 'nats', 'postgres', 'prometheus'],
      ledger: ['backup', 'edge', 'ledger-provision', 'nats', 'postgres', 'prometheus'],
      retention: ['nats', 'postgres', 'prometheus', 'retention-provision'],
    });
  });

  it('has secrets as files only, each from the folder that is not in the repository', () => {
    const named = new Set(services.flatMap(([, service]) => secretsOf(service)));
    expect([...named].toSorted()).toEqual(Object.keys(compose.secrets).toSorted());
    expect(Object.values(compose.secrets).filter(({ file }) => !file.startsWith('${COUNTERSIGN_SECRETS:-./secrets}/'))).toEqual([]);
    expect(read('deploy/compose/.gitignore').split('\n')).toContain('secrets/');
    // What the archive's key is called is in no folder of secrets: it is made when the system first runs.
    const made = 'COUNTERSIGN_BACKUP_KEY_FILE';
    const secret = /PASSWORD(?!S$|S_DIR)|PASSPHRASE|SECRET|SEED|TOKEN|KEY_FILE|DATABASE_URL|REDIS_URL/;
    const plain = services.flatMap(([name, { environment = {} }]) => Object.entries(environment).filter(([variable, value]) => variable !== made && secret.test(variable) && !String(value).startsWith('/run/secrets')).map(([variable]) => `${name}: ${variable}`));
    expect(plain).toEqual([]);
  });

  it('speaks TLS to PostgreSQL, to Redis and to the bus, and shows the bus a certificate of its own', () => {
    const onBus = services.filter(([, { environment = {} }]) => Object.keys(environment).some((name) => name.endsWith('_NATS_URL')));
    expect(onBus.map(([name]) => name)).toEqual([...OWN_FIRST, 'backup-provision', 'bus-provision', 'operator']);
    for (const [, { environment = {} }] of onBus) {
      const values = Object.fromEntries(Object.entries(environment).map(([name, value]) => [name.replace(/^[A-Z]+_/, ''), value]));
      expect(values).toMatchObject({ NATS_URL: 'tls://nats:4222', NATS_TLS_DIR: '/etc/countersign/nats' });
    }
    const users = onBus.map(([name, service]) => [name, secretsOf(service).filter((one) => one.endsWith('.nk')).join().replace('.nk', ''), 'nats']);
    const servers = ['postgres', 'nats', 'redis'].map((name) => [name, name, name]);
    const folders = services.flatMap(([name, { volumes = [] }]) => volumes.filter((volume) => volume.includes('/tls/')).map((volume) => [name, volume]));
    expect(folders.toSorted()).toEqual([...users, ...servers].map(([name, from, to]) => [name, `\${COUNTERSIGN_SECRETS:-./secrets}/tls/${from}:/etc/countersign/${to}:ro`]).toSorted());
    const asking = services.filter(([, service]) => secretsOf(service).some((one) => /(database|redis|admin)-url$/.test(one)));
    expect(asking.filter(([, service]) => !secretsOf(service).includes('ca.crt')).map(([name]) => name)).toEqual([]);
  });

  it('stops a service before what it asks', () => {
    const asked = (service: Service): string[] => [
      ...(secretsOf(service).some((one) => one.endsWith('database-url')) ? ['postgres'] : []),
      ...(secretsOf(service).includes('redis-url') ? ['redis'] : []),
      ...(secretsOf(service).some((one) => one.endsWith('.nk')) ? ['nats'] : []),
    ];
    for (const name of OWN) {
      const service = compose.services[name]!;
      expect({ name, named: Object.keys(service.depends_on ?? {}) }).toEqual({ name, named: expect.arrayContaining(asked(service)) });
    }
  });

  it('has a PostgreSQL that lets nobody in over a network without TLS', () => {
    const lines = read('deploy/compose/pg_hba.conf').split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(/\s+/));
    expect(lines).toEqual([['local', 'all', 'all', 'scram-sha-256'], ['hostssl', 'all', 'all', 'all', 'scram-sha-256'], ['hostssl', 'replication', 'countersign_backup', 'all', 'scram-sha-256']]);
    expect(compose.services['postgres']!.command).toEqual(expect.arrayContaining(['ssl=on', 'ssl_min_protocol_version=TLSv1.3', 'hba_file=/etc/countersign/pg_hba.conf']));
  });

  it('sends spans of every service, if it is asked to, to a collector in a network that is not part of this', () => {
    const traces = parse(read('deploy/compose/traces.yml'), { merge: true }) as Compose & { readonly networks: Readonly<Record<string, { readonly external?: boolean }>> };
    expect(Object.keys(traces.services).toSorted()).toEqual(SERVICES);
    for (const { environment, ...rest } of Object.values(traces.services)) {
      expect(Object.keys(environment!).toSorted()).toEqual(['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_TRACES_SAMPLER_ARG']);
      expect(rest).toEqual({ networks: { traces: {} } });
    }
    expect(traces.networks).toEqual({ traces: { name: '${COUNTERSIGN_TRACES_NETWORK:-countersign-traces}', external: true } });
    // It would listen there as well: what asks for no password is at an address of its own.
    const everywhere = OWN.filter((name) => Object.entries(compose.services[name]!.environment ?? {}).some(([variable, value]) => variable.endsWith('_HOST') && value === '0.0.0.0'));
    expect(everywhere).toEqual(['edge']);
  });

  it('scrapes every service under the name of its job, where it listens', () => {
    const { scrape_configs: jobs } = parse(read('deploy/compose/prometheus.yml')) as { scrape_configs: readonly { job_name: string; static_configs: readonly { targets: readonly string[] }[] }[] };
    expect(jobs.map(({ job_name: name }) => name).toSorted()).toEqual(OWN.map((name) => `countersign-${name}`));
    for (const { job_name: job, static_configs: [found] } of jobs) {
      const service = compose.services[job.slice('countersign-'.length)]!;
      expect(Object.values(service.environment ?? {})).toContain(found?.targets[0]?.split(':')[0]);
    }
  });
});

describe('the images', () => {
  const dockerfile = read('deploy/docker/Dockerfile');
  const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));

  it('end in a stage that runs one program as nobody, without a shell', () => {
    expect(last).toMatch(/^\nFROM \$\{RUNTIME_IMAGE\}$/m);
    expect(last).toMatch(/^USER 10001:10001$/m);
    expect(last).not.toMatch(/^(RUN|ADD|VOLUME|EXPOSE)\b/m);
    for (const word of ['ENTRYPOINT', 'CMD', 'HEALTHCHECK.* CMD']) expect(last).toMatch(new RegExp(`^${word} \\[`, 'm'));
  });

  it('are built from named bases by commands without a shell', () => {
    expect([...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base)).toEqual(['${BUILD_IMAGE}', 'build', '${RUNTIME_IMAGE}']);
    expect([...dockerfile.matchAll(/^RUN (.*)$/gm)].filter(([, command]) => !command!.startsWith('['))).toEqual([]);
    expect(dockerfile).toMatch(/"npm", "ci", "--ignore-scripts"/);
    expect(dockerfile).toContain('RUN ["node", "deploy/docker/collect.mjs"]');
  });

  it('see nothing of the repository but what is let in by name', () => {
    const [first, ...rest] = read('.dockerignore').split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(first).toBe('*');
    expect(rest.filter((line) => line.startsWith('!')).map((line) => line.slice(1)).filter((path) => /git|deploy\/compose|countersign|secret/.test(path))).toEqual([]);
    expect(rest).toEqual(expect.arrayContaining(['**/node_modules', '**/.countersign', '**/*.nk', '**/*.pem', '**/.env*']));
  });
});
