{{/* What is so of each service whatever the values say: ports by name, which of them answers for health, which others reach it. */}}
{{- define "countersign.facts" -}}
edge: { prefix: EDGE, ports: { https: 8443, operations: 8084 }, health: operations, hosts: [EDGE_HTTPS_HOST, EDGE_OPERATIONS_HOST], redis: true, graceSeconds: 25, drainSeconds: 10 }
identity: { prefix: IDENTITY, ports: { operations: 8082 }, health: operations, hosts: [IDENTITY_HTTP_HOST], database: true, redis: true, graceSeconds: 30 }
keys: { prefix: KEYS, ports: { operations: 8081 }, health: operations, hosts: [KEYS_HTTP_HOST], database: true, graceSeconds: 30 }
ledger: { prefix: LEDGER, ports: { read: 8080 }, health: read, hosts: [LEDGER_HTTP_HOST], database: true, graceSeconds: 30, readers: [edge{{ if .Values.backup.enabled }}, backup{{ end }}] }
retention: { prefix: RETENTION, ports: { operations: 8084 }, health: operations, hosts: [RETENTION_HTTP_HOST], database: true, graceSeconds: 30 }
{{- if .Values.backup.enabled }}
backup: { prefix: COUNTERSIGN, ports: { operations: 9095 }, health: operations, hosts: [COUNTERSIGN_BACKUP_HOST], copies: true, graceSeconds: 30 }
{{- end }}
{{- end }}

{{- define "countersign.name" -}}{{ printf "%s-%s" .root.Release.Name .service | trunc 63 | trimSuffix "-" }}{{- end }}

{{- define "countersign.selector" -}}
app.kubernetes.io/name: countersign
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .service }}
{{- end }}

{{- define "countersign.labels" -}}
{{ include "countersign.selector" . }}
app.kubernetes.io/part-of: countersign
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "countersign.image" -}}
{{- $image := .root.Values.image -}}
{{- $digest := index $image.digests .image -}}
{{ $image.registry }}/{{ .image }}{{ if $digest }}@{{ $digest }}{{ else }}:{{ $image.tag | default .root.Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "countersign.secret" -}}{{ (index .root.Values .service).secret.name | default (include "countersign.name" .) }}{{- end }}

{{/* The environment that follows from the chart, by service. What "config" says comes last and may not repeat it. */}}
{{- define "countersign.environment" -}}
{{- $values := .root.Values -}}
{{ .facts.prefix }}_NATS_URL: {{ $values.nats.url }}
{{- if .facts.database }}
COUNTERSIGN_DEPLOYMENT: {{ $values.deployment }}
{{- end }}
{{- if $values.nats.tls.enabled }}
{{ .facts.prefix }}_NATS_TLS_DIR: /run/secrets/bus-tls
{{- end }}
{{- if and $values.tracing.endpoint (not .facts.copies) }}
OTEL_EXPORTER_OTLP_ENDPOINT: {{ $values.tracing.endpoint }}
OTEL_TRACES_SAMPLER_ARG: {{ $values.tracing.share | quote }}
{{- end }}
{{- range .facts.hosts }}
{{ . }}: 0.0.0.0
{{- end }}
{{- if eq .service "edge" }}
EDGE_LEDGER_URL: http://{{ include "countersign.name" (dict "root" .root "service" "ledger") }}:8080
EDGE_PUBLIC_ORIGIN: {{ $values.publicOrigin }}
{{- else if eq .service "identity" }}
IDENTITY_PUBLIC_ORIGIN: {{ $values.publicOrigin }}
{{- else if eq .service "keys" }}
KEYS_EPOCH_DIR: /var/lib/countersign/epochs
{{- if eq (index $values.keys.config "KEYS_ROOT_PROVIDER" | default "file") "file" }}
KEYS_ROOT_DIR: /var/lib/countersign/root
{{- end }}
KEYS_RECEIPT_NAME: {{ $values.ledgerOrigin }}/erasures
{{- else if eq .service "ledger" }}
LEDGER_STATE_DIR: /var/lib/countersign/state
LEDGER_ORIGIN_PREFIX: {{ $values.ledgerOrigin }}
{{- else if eq .service "retention" }}
RETENTION_STATE_DIR: /var/lib/countersign/state
{{- else if eq .service "backup" }}
{{ include "countersign.archive" . }}
COUNTERSIGN_BACKUP_POSTGRES: postgres
COUNTERSIGN_LEDGER_URL: http://{{ include "countersign.name" (dict "root" .root "service" "ledger") }}:8080
{{- end }}
{{- end }}

{{/* Where backups lie, and their key. */}}
{{- define "countersign.archive" -}}
COUNTERSIGN_BACKUP_ARCHIVE: /var/lib/countersign/archive
COUNTERSIGN_BACKUP_KEY_FILE: /var/lib/countersign/archive.key
{{- end }}
