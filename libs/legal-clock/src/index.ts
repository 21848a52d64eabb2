export { INCIDENT_ALERTS_MS, REQUEST_ALERTS_MS, alertsCome } from './alerts.js';
export { addDays, addMonths, addWorkingDays, isWorkingDay, workingDayFrom, type CivilDay, type Holidays } from './civil-day.js';
export { INCIDENT_STAGES, incidentClock, OWN_LIMITS, type IncidentStage } from './incident-clock.js';
export { LAWS, REQUEST_KINDS, requestClock, type Calendar, type Law, type RequestClock, type RequestKind } from './request-clock.js';
export { dayIn, endOfDay } from './zone.js';
