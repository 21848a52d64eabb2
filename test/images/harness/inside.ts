import { CLI_IMAGE, docker } from './engine.js';
import { serviceOf, type Container } from './project.js';

const CONNECT_MS_MAX = 1_500;
const AT_ONCE = 4;

/** Sockets that listen in this network namespace, `address:port`, out of /proc/net/tcp and tcp6. */
const LISTENING = `
const address = (hex) => hex.length > 8 ? (/^0+$/.test(hex) ? '0.0.0.0' : 'v6:' + hex) : [...Buffer.from(hex, 'hex').reverse()].join('.');
const lines = ['tcp', 'tcp6'].flatMap((name) => require('fs').readFileSync('/proc/net/' + name, 'utf8').split('\\n').slice(1));
const listening = lines.map((line) => line.trim().split(/\\s+/)).filter((fields) => fields[3] === '0A').map((fields) => fields[1].split(':'));
console.log(JSON.stringify([...new Set(listening.map(([host, port]) => address(host) + ':' + parseInt(port, 16)))]));`;

/** Which of its arguments, `address:port`, take a connection. */
const REACHED = `
const reach = (place) => new Promise((done) => {
  const [host, port] = place.split(':');
  const socket = require('net').connect({ host, port: Number(port), timeout: ${CONNECT_MS_MAX} }, () => { socket.destroy(); done([place]); });
  socket.on('timeout', () => { socket.destroy(); done([]); }).on('error', () => done([]));
});
Promise.all(process.argv.slice(1).map(reach)).then((found) => console.log(JSON.stringify(found.flat())));`;

const STATUS = "console.log(require('fs').readFileSync('/proc/1/status', 'utf8'))";

/** As a program that has taken over a container: in its network or among its processes, with what the image of the command line has. */
const inside = (share: readonly string[], script: string, args: readonly string[] = []): Promise<string> =>
  docker('run', '--rm', ...share, '--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', CLI_IMAGE, '-e', script, ...args);

/** What the kernel says of a container's first process, by name. */
export async function processStatus({ Id }: Container): Promise<Map<string, string>> {
  const text = await inside(['--network', 'none', '--pid', `container:${Id}`], STATUS);
  return new Map(text.split('\n').map((line) => line.split(/:\s+/)).map(([name, value = '']) => [name!, value.trim()]));
}

/** What Prometheus answers: the job and the value of each series. */
export async function queried({ Id }: Container, query: string): Promise<(readonly [job: string, value: number])[]> {
  const script = "fetch('http://prometheus.dashboards:9090/api/v1/query?query=' + encodeURIComponent(process.argv[1])).then((answer) => answer.text()).then(console.log)";
  const { data } = JSON.parse(await inside(['--network', `container:${Id}`], script, [query])) as { data: { result: { metric: { job: string }; value: [number, string] }[] } };
  return data.result.map(({ metric: { job }, value: [, text] }) => [job, Number(text)] as const).toSorted();
}

const addressesOf = ({ NetworkSettings: { Networks } }: Container): string[] => Object.values(Networks).map(({ IPAddress }) => IPAddress).filter((address) => address !== '');

/** Every place where somebody listens, whatever its file says: `service:port` by `address:port`. */
export async function places(containers: readonly Container[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const container of containers) {
    const listening = JSON.parse(await inside(['--network', `container:${container.Id}`], LISTENING)) as string[];
    for (const place of listening.filter((one) => !one.startsWith('127.'))) {
      const [address, port] = place.split(':') as [string, string];
      for (const at of address === '0.0.0.0' ? addressesOf(container) : [address]) found.set(`${at}:${port}`, `${serviceOf(container)}:${port}`);
    }
  }
  return found;
}

/** What a program in the network of `share` can open a connection to, of these places. */
export async function reachedFrom(share: string, known: ReadonlyMap<string, string>): Promise<string[]> {
  const reached = JSON.parse(await inside(['--network', share], REACHED, [...known.keys()])) as string[];
  return [...new Set(reached.map((place) => known.get(place)!))].toSorted();
}

/** By service: what of the others it can open a connection to. */
export async function reachOf(containers: readonly Container[], known: ReadonlyMap<string, string>): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  const waiting = [...containers];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const own = `${serviceOf(next)}:`;
      found[serviceOf(next)] = await reachedFrom(`container:${next.Id}`, new Map([...known].filter(([, place]) => !place.startsWith(own))));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return found;
}
