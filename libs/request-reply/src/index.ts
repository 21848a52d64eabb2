/** Request and reply over the bus, as every service with operations of its own answers and asks. */
export { askService, type Answered, type Question } from './ask-service.js';
export { Gathering } from './gathering.js';
export { isAway, metAnother } from './passing.js';
export { readJson, readMessage, RequestFault, type RequestFaultCode } from './read-message.js';
export { REQUESTS_AT_ONCE_MAX, RequestReceiver, type AnsweringService, type Refusal } from './request-receiver.js';
export { requestMetrics, type RequestMetrics } from './request-metrics.js';
