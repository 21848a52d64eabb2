export { FaultSwitch, type Fault } from './fault-switch.js';
export { startAws, type AwsFixture } from './aws-server.js';
export { startVault, type VaultFixture } from './vault-server.js';
