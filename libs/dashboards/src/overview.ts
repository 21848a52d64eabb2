import { graph, light, type Dashboard, type None } from './dashboard.js';

/** 0 while the service answers: counting finds nothing where there is nothing to count, and where nobody counts. */
const none = (service: string): string => `or 0 * max(up{job="countersign-${service}"} == 1)`;
const NOT_YET: None = { text: 'never', is: 'warning' };
const NEVER: None = { text: 'never', is: 'critical' };

/** Is the evidence intact, and can anybody check it? */
export const OVERVIEW: Dashboard = {
  uid: 'countersign-overview',
  title: 'Countersign: is the evidence intact?',
  what: 'First what was recorded, then what is on its way, then what is owed to people and after a disaster. Everything green means yes.',
  rows: [
    {
      title: 'Recorded',
      panels: [
        light('Broken ledgers', 'Ledgers whose stored bytes are not what was signed. Runbook: ledger-broken.', `count(min by (tenant) (countersign_ledger_intact) == 0) ${none('ledger')}`, 'none', [1, 1]),
        light('Ledgers without a verdict', 'Ledgers that grow and that nobody has verified.', `count((max by (tenant) (countersign_ledger_tree_size) > 0) unless on (tenant) countersign_ledger_intact) ${none('ledger')}`, 'none', [1, 1]),
        light('Oldest unverified event', 'How long the event that has waited longest has waited for its verification.', 'max(countersign_ledger_unverified_age_seconds)', 's', [60, 900]),
        light('Oldest full verification', 'Since the whole history of the ledger that was verified least recently was last verified.', 'time() - min(max by (tenant) (countersign_ledger_last_full_verification_timestamp_seconds))', 's', [90_000, 93_600], NOT_YET),
        light('Events without a checkpoint', 'Recorded, and covered by no checkpoint yet: nobody outside can check them. A few are usual under load.', 'max(max by (tenant) (countersign_ledger_tree_size) - max by (tenant) (countersign_ledger_checkpoint_size))', 'short', [50_000, 500_000]),
        light('Alerts', 'Alerts that are firing, but for the watchdog.', 'count(ALERTS{alertstate="firing",alertname=~"Countersign.+",alertname!="CountersignWatchdog"}) or 0 * count(ALERTS{alertstate="firing",alertname="CountersignWatchdog"})', 'none', [1, 5]),
        graph('Size of ledgers', 'Recorded events. It never falls.', 'short', ['max by (tenant) (countersign_ledger_tree_size)', '{{tenant}}']),
        graph('Recorded', 'Events a second that were recorded, that were known already, and that were refused.', 'ops', ['sum(rate(countersign_ledger_events_recorded_total[5m]))', 'recorded'], ['sum(rate(countersign_ledger_events_repeated_total[5m]))', 'known'], ['sum(rate(countersign_ledger_events_refused_total[5m]))', 'refused']),
        graph('Verified', 'How long the oldest unverified event of each ledger has waited.', 's', ['max by (tenant) (countersign_ledger_unverified_age_seconds)', '{{tenant}}']),
      ],
    },
    {
      title: 'On its way',
      panels: [
        light('Oldest event without a receipt', 'In the store of a service, and not known to be in its ledger.', 'max(countersign_event_store_unreceipted_oldest_seconds)', 's', [60, 300]),
        light('Refused events of services', 'Events of our own services that the ledger did not take: somebody has to mend and send them.', 'sum(countersign_event_store_refused_events)', 'none', [1, 1]),
        light('Missing sequence numbers', 'Numbers that producers gave and the ledger never saw.', `sum(max by (tenant, source) (countersign_ledger_producer_missing_sequences)) ${none('ledger')}`, 'none', [1, 1]),
        light('Waiting messages', 'Messages whose keys cannot be had now.', 'sum(countersign_ledger_waiting_messages)', 'short', [1, 10_000]),
        light('Backlog', 'Bytes that the ledger has taken and not yet recorded.', 'sum(countersign_ledger_backlog_bytes)', 'bytes', [16_000_000, 64_000_000]),
        light('Search index behind', 'Recorded, and not yet to be found by a search.', 'max(countersign_ledger_index_lag_events)', 'short', [100_000, 1_000_000]),
        graph('Without a receipt', 'Events in the stores of services.', 'short', ['max by (service) (countersign_event_store_unreceipted_events)', '{{service}}']),
        graph('Refused', 'Events a second that go to quarantine.', 'ops', ['sum by (code) (rate(countersign_ledger_events_refused_total[5m]))', '{{code}}']),
        graph('Stuck and deferred', 'Messages a second that were put aside, that come again, and that nobody can settle.', 'ops', ['sum(rate(countersign_ledger_messages_parked_total[5m]))', 'put aside'], ['sum(rate(countersign_ledger_messages_deferred_total[5m]))', 'come again'], ['sum(rate(countersign_ledger_messages_stuck_total[5m]))', 'stuck']),
      ],
    },
    {
      title: 'Owed',
      panels: [
        light('Until a person is owed an answer', 'Until the next request of a data subject is due.', 'min(countersign_retention_subject_request_due_seconds != 0)', 's', [604_800, 172_800], { text: 'none open', is: 'nothing' }),
        light('Late answers', 'Requests of data subjects that are overdue.', 'max(countersign_retention_subject_requests_overdue)', 'none', [1, 1]),
        light('Late incident stages', 'Stages of security incidents that are overdue by law.', `sum(max by (stage, law) (countersign_retention_incident_stages_late)) ${none('retention')}`, 'none', [1, 1]),
        light('Last sweep', 'Since what was due was last looked at.', 'time() - max(countersign_retention_last_sweep_timestamp_seconds)', 's', [7_200, 86_400], NOT_YET),
        light('Last good backup', 'Since a backup of all databases was last proved.', 'time() - max(countersign_backup_last_timestamp_seconds)', 's', [93_600, 180_000], NEVER),
        light('Last good drill', 'Since a restore was last measured.', 'time() - max(countersign_backup_drill_timestamp_seconds)', 's', [2_764_800, 3_456_000], NEVER),
      ],
    },
  ],
};
