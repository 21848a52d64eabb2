export { BusError, busError, type BusErrorCode } from './bus-error.js';
export { connectBus, type BusConnection, type BusMessage, type BusOptions, type BusStatus, type Subscription } from './connection.js';
export { ensureIntakeStream, type IntakeStreamOptions, type IntakeStreamState } from './intake-stream.js';
export type { IntakeMessage } from './intake-message.js';
export { publishIntake, type PubAck, type PublishIntakeOptions } from './publish-intake.js';
export { PullLoop, type InFlight, type PullLoopEvent, type PullLoopOptions } from './pull-loop.js';
export { WaitingRoom, type WaitingMessage, type WaitingRoomOptions, type WaitingState } from './waiting-room.js';
