// Builds the images and drives the system of deploy/compose with them, where there is a Docker engine.
import { spawnSync } from 'node:child_process';
import { IMAGES } from '../deploy/docker/closure.mjs';
import { runVisibly } from './child.mjs';
import { close, runJest } from './test-run.mjs';
import { ROOT } from './workspace.mjs';

/** Images of the tests are not those that somebody deploys. */
const NAMES = 'countersign-images';
const STAND_INS = 'countersign-base';

const asked = (program, ...args) => spawnSync(program, args, { cwd: ROOT, encoding: 'utf8' });
const works = (program, ...args) => asked(program, ...args).status === 0;

/** Why the images cannot be tested here; undefined where they can. */
export function missingEngine(docker = 'docker') {
  const { error, status, stderr } = asked(docker, 'version', '--format', '{{.Server.Version}}');
  if (error !== undefined) return 'there is no docker here';
  if (status !== 0) return `no Docker engine answers: ${stderr.trim().split('\n')[0]}`;
  if (!works('docker', 'compose', 'version') && !works('docker-compose', 'version')) return 'there is an engine, and neither "docker compose" nor "docker-compose"';
  return undefined;
}

/**
 * Images that the tests start from, by the variables of the page: as the environment says, else stand-ins that were made here, else those
 * of the Dockerfile and of Compose.
 */
function bases(env) {
  const found = {};
  for (const [variable, name] of [['BUILD_IMAGE', 'node-build'], ['RUNTIME_IMAGE', 'node-runtime'], ...['postgres', 'nats', 'redis', 'prometheus', 'alertmanager'].map((name) => [`${name.toUpperCase()}_IMAGE`, name])]) {
    const standIn = `${STAND_INS}/${name}:trixie`;
    if (env[variable] !== undefined) found[variable] = env[variable];
    else if (works('docker', 'image', 'inspect', standIn)) found[variable] = standIn;
  }
  return found;
}

/** As docs/operations/install-with-compose.md says. */
async function build({ BUILD_IMAGE: from, RUNTIME_IMAGE, POSTGRES_IMAGE = 'postgres:18-trixie' }) {
  const git = (...args) => asked('git', ...args).stdout.trim();
  const given = [`REVISION=${git('rev-parse', 'HEAD')}`, `SOURCE_DATE_EPOCH=${git('log', '-1', '--format=%ct')}`, ...(from === undefined ? [] : [`BUILD_IMAGE=${from}`])];
  const network = from?.startsWith(`${STAND_INS}/`) === true ? ['--network', 'host'] : [];
  for (const service of IMAGES) {
    const on = service === 'backup' ? POSTGRES_IMAGE : RUNTIME_IMAGE;
    const args = ['build', '--quiet', '-f', 'deploy/docker/Dockerfile', ...network, ...[`SERVICE=${service}`, ...given, ...(on === undefined ? [] : [`RUNTIME_IMAGE=${on}`])].flatMap((one) => ['--build-arg', one]), '-t', `${NAMES}/${service}`, '.'];
    const code = await runVisibly('docker', args, { cwd: ROOT, env: process.env });
    if (code !== 0) throw new Error(`the image of ${service} was not built: see above`);
  }
}

export async function testImages(args, { node, env, step }) {
  const why = missingEngine();
  if (why !== undefined) {
    console.log(`skipped: ${why}`);
    return 0;
  }
  const from = bases(env);
  await step(`build ${IMAGES.length} images`, () => build(from));
  const code = await runJest('images', 'tests of the images', args, { node, env: { ...env, ...from, COUNTERSIGN_IMAGES: NAMES, COUNTERSIGN_VERSION: 'latest' }, step });
  return close([code]);
}
