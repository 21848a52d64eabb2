export { DevstackError } from './state-files.js';
export { startPostgres, removePostgres, type PostgresOptions, type PostgresServer } from './postgres.js';
export { startNats, type NatsOptions, type NatsServer } from './nats.js';
export { natsServerProgram } from './nats-binary.js';
export { natsConfig, type NatsConfig } from './nats-config.js';
export { startDevstack, type Devstack, type DevstackOptions } from './devstack.js';
export { guardFolder, startTestStack } from './test-stack.js';
export { choosePort } from './free-port.js';
export { commandLine, endProcess, processesIn } from './process-file.js';
