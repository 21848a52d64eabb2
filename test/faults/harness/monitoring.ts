import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { choosePort, findProgram, killAtExit } from '@countersign/devstack';
import { until } from './waiting.js';

const START_MS_MAX = 60_000;
const PROMETHEUS = { name: 'prometheus', debianPackage: 'prometheus' };
const ALERTMANAGER = { name: 'prometheus-alertmanager', debianPackage: 'prometheus-alertmanager' };

/** One alert of a notification of Alertmanager (webhook, version 4). */
export interface DeliveredAlert {
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
}

export interface MonitoringOptions {
  /** Job → addresses, `host:port`. */
  readonly targets: Readonly<Record<string, readonly string[]>>;
  /** Rule files of Prometheus. */
  readonly rules: string;
  /** Where alerts with the label `countersign_incident` go besides. */
  readonly incidents: { readonly url: string; readonly apiKey: string; readonly ca: string };
}

/** A real Prometheus and a real Alertmanager, once a second, and somebody on call. */
export class Monitoring {
  /** What whoever is on call was told, in order. */
  readonly delivered: DeliveredAlert[] = [];
  readonly #children: ChildProcess[] = [];
  #hook: Server | undefined;
  #watch: (jobs: (job: string) => boolean) => Promise<void> = () => Promise.resolve();

  private constructor(private readonly folder: string) {}

  /** Undefined where one of the two programs is not there: what needs them is left out, and says so. */
  static async start(options: MonitoringOptions): Promise<Monitoring | undefined> {
    const programs = [PROMETHEUS, ALERTMANAGER].map((program) => ({ ...program, path: findProgram(program, '/nowhere') }));
    const missing = programs.filter(({ path }) => path === undefined);
    if (missing.length > 0) {
      process.stderr.write(`alerts: left out, because ${missing.map(({ name, debianPackage }) => `${name} (Debian: apt-get install ${debianPackage})`).join(' and ')} is not in PATH\n`);
      return undefined;
    }
    const monitoring = new Monitoring(await mkdtemp(join(tmpdir(), 'countersign-monitoring-')));
    try {
      await monitoring.#start(programs[0]!.path!, programs[1]!.path!, options);
      return monitoring;
    } catch (error) {
      await monitoring.stop();
      throw error;
    }
  }

  /** Names of alerts of which somebody was told `status`, each as often as he was. */
  told(status: DeliveredAlert['status']): string[] {
    return this.delivered.filter((alert) => alert.status === status).map(({ labels }) => labels['alertname'] ?? '');
  }

  /** Names of alerts that are firing, as far as somebody was told. */
  firing(): string[] {
    const last = new Map(this.delivered.map(({ status, labels }) => [JSON.stringify(labels), { status, name: labels['alertname'] ?? '' }]));
    return [...last.values()].filter(({ status }) => status === 'firing').map(({ name }) => name);
  }

  /** Prometheus finds no instance of `job` from now on. */
  forget(job: string): Promise<void> {
    return this.#watch((one) => one !== job);
  }

  /** And all of every job again. */
  rememberAll(): Promise<void> {
    return this.#watch(() => true);
  }

  async stop(): Promise<void> {
    for (const child of this.#children) {
      const gone = once(child, 'exit');
      if (child.exitCode === null && child.signalCode === null && child.kill('SIGTERM')) await gone;
    }
    this.#hook?.closeAllConnections();
    this.#hook?.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  async #start(prometheus: string, alertmanager: string, { targets, rules, incidents }: MonitoringOptions): Promise<void> {
    const hook = await this.#listen();
    const [caFile, keyFile] = [await this.#file('ca.pem', incidents.ca), await this.#file('api-key', incidents.apiKey)];
    const alertmanagerAddress = `127.0.0.1:${String(await choosePort())}`;
    const alerts = await this.#file('alertmanager.yml', JSON.stringify({
      route: {
        receiver: 'on-call', group_by: ['...'], group_wait: '0s', group_interval: '1s', repeat_interval: '1d',
        routes: [{ receiver: 'incidents', matchers: ['countersign_incident=~".+"'], continue: true }, { receiver: 'on-call' }],
      },
      receivers: [
        { name: 'on-call', webhook_configs: [{ url: hook, send_resolved: true }] },
        { name: 'incidents', webhook_configs: [{ url: incidents.url, send_resolved: true, http_config: { authorization: { credentials_file: keyFile }, tls_config: { ca_file: caFile } } }] },
      ],
    }));
    await this.#run('alertmanager', alertmanager, [`--config.file=${alerts}`, `--storage.path=${join(this.folder, 'alertmanager')}`, `--web.listen-address=${alertmanagerAddress}`, '--cluster.listen-address='], `http://${alertmanagerAddress}/-/ready`);
    const prometheusAddress = `127.0.0.1:${String(await choosePort())}`;
    const configured = (jobs: (job: string) => boolean): Promise<string> => this.#file('prometheus.yml', JSON.stringify({
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [rules],
      alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanagerAddress] }] }] },
      // Not without the job: whatever it knew of a job that is gone it would go on believing for five minutes.
      scrape_configs: Object.entries(targets).map(([job, addresses]) => ({ job_name: job, static_configs: [{ targets: jobs(job) ? addresses : [] }] })),
    }));
    const config = await configured(() => true);
    await this.#run('prometheus', prometheus, [`--config.file=${config}`, `--storage.tsdb.path=${join(this.folder, 'tsdb')}`, `--web.listen-address=${prometheusAddress}`], `http://${prometheusAddress}/-/ready`);
    const running = this.#children.at(-1)!;
    this.#watch = async (jobs) => {
      await configured(jobs);
      running.kill('SIGHUP');
    };
  }

  async #run(name: string, program: string, args: readonly string[], readyUrl: string): Promise<void> {
    const child = spawn(program, args, { stdio: 'ignore' });
    if (child.pid !== undefined) killAtExit(child.pid, 'SIGKILL');
    this.#children.push(child);
    await until(`${name} is ready`, START_MS_MAX, () => fetch(readyUrl).then(({ ok }) => ok, () => false));
  }

  async #listen(): Promise<string> {
    this.#hook = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        this.delivered.push(...(JSON.parse(Buffer.concat(chunks).toString()) as { alerts: DeliveredAlert[] }).alerts);
        response.end();
      });
    });
    this.#hook.listen(0, '127.0.0.1');
    await once(this.#hook, 'listening');
    return `http://127.0.0.1:${String((this.#hook.address() as AddressInfo).port)}/`;
  }

  async #file(name: string, text: string): Promise<string> {
    const path = join(this.folder, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  }
}
