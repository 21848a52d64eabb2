import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { compose, docker } from './engine.js';

const HEALTHY_MS_MAX = 240_000;
const POLL_MS = 500;

/** The part of `docker inspect` that is looked at. */
export interface Container {
  readonly Id: string;
  readonly Config: { readonly User: string; readonly Labels: Readonly<Record<string, string>> };
  readonly State: { readonly Status: string; readonly ExitCode: number; readonly OOMKilled: boolean; readonly Health?: { readonly Status: string } };
  readonly HostConfig: {
    readonly ReadonlyRootfs: boolean;
    readonly Privileged: boolean;
    readonly CapAdd: readonly string[] | null;
    readonly CapDrop: readonly string[] | null;
    readonly SecurityOpt: readonly string[] | null;
    readonly Memory: number;
    readonly NanoCpus: number;
    readonly PidsLimit: number | null;
    readonly PidMode: string;
    readonly IpcMode: string;
    readonly NetworkMode: string;
  };
  readonly Mounts: readonly { readonly Source: string; readonly Destination: string; readonly RW: boolean; readonly Type: string }[];
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { readonly IPAddress: string; readonly NetworkID: string }>> };
}

export const serviceOf = (container: Container): string => container.Config.Labels['com.docker.compose.service']!;

/** The system of deploy/compose, under a name of its own, by the commands of docs/operations/install-with-compose.md. */
export class Project {
  readonly name = `countersign-images-${randomBytes(4).toString('hex')}`;
  readonly folder = mkdtempSync(join(tmpdir(), 'countersign-images-'));
  readonly secrets = join(this.folder, 'secrets');
  readonly #env: NodeJS.ProcessEnv;

  private constructor(readonly port: number) {
    mkdirSync(this.secrets);
    this.#env = {
      ...process.env,
      COMPOSE_PROJECT_NAME: this.name,
      COUNTERSIGN_SECRETS: this.secrets,
      COUNTERSIGN_DEPLOYMENT: `images-${randomBytes(4).toString('hex')}`,
      COUNTERSIGN_ORIGIN: this.origin,
      COUNTERSIGN_PORT: String(port),
    };
  }

  static async prepare(): Promise<Project> {
    const project = new Project(await freePort());
    try {
      await project.run('prepare', '--host', 'audit.example.com');
      return project;
    } catch (error) {
      await project.close();
      throw error;
    }
  }

  get origin(): string {
    return `https://localhost:${this.port}`;
  }

  /** Of the deployment, PEM. */
  get authority(): string {
    return readFileSync(join(this.secrets, 'ca.crt'), 'utf8');
  }

  compose(...args: readonly string[]): Promise<string> {
    return compose(this.#env, args);
  }

  /** What a tool of the deployment prints. */
  run(service: string, ...args: readonly string[]): Promise<string> {
    return this.compose('run', '--rm', '-T', service, ...args);
  }

  /** Resolves when everything that has a health check is healthy, and what runs once has ended well. Rejects with what is not. */
  async up(): Promise<void> {
    await this.compose('up', '-d');
    await this.healthy();
  }

  /** A container that is gone with its volume, as with the disk of its machine. */
  async lose(service: string, volume: string): Promise<void> {
    await this.compose('rm', '--force', '--stop', service);
    await docker('volume', 'rm', `${this.name}_${volume}`);
  }

  async healthy(): Promise<void> {
    for (const end = performance.now() + HEALTHY_MS_MAX; ; await sleep(POLL_MS)) {
      const states = (await this.containers()).map((one) => `${serviceOf(one)}: ${one.State.Health?.Status ?? `${one.State.Status} ${one.State.ExitCode}`}`);
      const waiting = states.filter((state) => !/: (healthy|running 0|exited 0)$/.test(state));
      if (waiting.length === 0) return;
      if (performance.now() > end) throw new Error(`not healthy within ${HEALTHY_MS_MAX} ms: ${waiting.join(', ')}\n${(await this.compose('logs', '--tail=5')).slice(-4_000)}`);
    }
  }

  async containers(): Promise<Container[]> {
    const ids = await this.#listed('ps', '-aq', '--no-trunc');
    return ids.length === 0 ? [] : (JSON.parse(await docker('inspect', ...ids)) as Container[]).toSorted((a, b) => (serviceOf(a) < serviceOf(b) ? -1 : 1));
  }

  /** Container of a service. */
  async container(service: string): Promise<Container> {
    return (await this.containers()).find((one) => serviceOf(one) === service)!;
  }

  /** Containers, networks and volumes that there are of it. */
  async left(): Promise<string[]> {
    return (await Promise.all([this.#listed('ps', '-aq'), this.#listed('network', 'ls', '-q'), this.#listed('volume', 'ls', '-q')])).flat();
  }

  async #listed(...command: readonly string[]): Promise<string[]> {
    return (await docker(...command, '--filter', `label=com.docker.compose.project=${this.name}`)).split('\n').filter((line) => line !== '');
  }

  #isClosed = false;

  /** Calling it again does nothing. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Secrets belong to the users of the containers: root has to remove them, where the engine has given it to us.
    await this.compose('run', '--rm', '-T', '--entrypoint', 'node', 'prepare', '-e', "for (const name of require('fs').readdirSync('/secrets')) require('fs').rmSync('/secrets/' + name, { recursive: true })");
    await this.compose('down', '--volumes', '--remove-orphans', '--timeout', '10');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer().on('error', fail);
    server.listen(0, () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
}
