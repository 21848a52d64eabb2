{{/* Pod Security "restricted". OnRootMismatch: a second change of rights would open sealed files to the group, and those are then refused. */}}
{{- define "countersign.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "countersign.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: { drop: [ALL] }
{{- end }}

{{- define "countersign.container" -}}
name: {{ .service }}
image: {{ include "countersign.image" (dict "root" .root "image" .service) }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
{{ include "countersign.containerSecurity" . }}
{{- if .facts.copies }}
args: [/app/start.mjs, backup, serve, --drill-days, {{ .root.Values.backup.drillDays | quote }}, --scratch, /var/lib/countersign/scratch]
{{- end }}
env:
{{- $own := index .root.Values .service }}
{{- $derived := include "countersign.environment" . | fromYaml }}
{{- range $name, $value := $derived }}
  - { name: {{ $name }}, value: {{ $value | quote }} }
{{- end }}
{{- range $name, $key := $own.secret.files }}
{{- if $key }}
  - { name: {{ $name }}, value: {{ printf "/run/secrets/countersign/%s" $key | quote }} }
{{- end }}
{{- end }}
{{- range $name, $value := $own.config }}
{{- if hasKey $derived $name }}{{ fail (printf "%s follows from other values: take it out of %s.config" $name $.service) }}{{ end }}
  - { name: {{ $name }}, value: {{ $value | quote }} }
{{- end }}
ports:
{{- range $name, $port := .facts.ports }}
  - { name: {{ $name }}, containerPort: {{ $port }}, protocol: TCP }
{{- end }}
# Up to ten minutes to start: a ledger proves its head first.
startupProbe: { httpGet: { path: /healthz, port: {{ .facts.health }} }, periodSeconds: 5, timeoutSeconds: 4, failureThreshold: 120 }
livenessProbe: { httpGet: { path: /healthz, port: {{ .facts.health }} }, periodSeconds: 20, timeoutSeconds: 5, failureThreshold: 6 }
readinessProbe: { httpGet: { path: /readyz, port: {{ .facts.health }} }, periodSeconds: 5, timeoutSeconds: 4, failureThreshold: 3 }
{{- with .facts.drainSeconds }}
# So long others may still send requests here after it was taken from their lists.
lifecycle: { preStop: { sleep: { seconds: {{ . }} } } }
{{- end }}
resources:
  {{- toYaml $own.resources | nindent 2 }}
volumeMounts:
  - { name: secrets, mountPath: /run/secrets/countersign, readOnly: true }
  - { name: tmp, mountPath: /tmp }
{{- if .root.Values.nats.tls.enabled }}
  - { name: bus-tls, mountPath: /run/secrets/bus-tls, readOnly: true }
{{- end }}
{{- if hasKey $own "state" }}
  - { name: state, mountPath: /var/lib/countersign }
{{- end }}
{{- if .facts.copies }}
  - { name: archive, mountPath: /var/lib/countersign/archive }
  - { name: scratch, mountPath: /var/lib/countersign/scratch }
{{- end }}
{{- end }}

{{/* Before backups are served: an archive and its key, made once, and found to be there ever after. */}}
{{- define "countersign.archiveContainer" -}}
{{- $values := .root.Values -}}
name: archive
image: {{ include "countersign.image" (dict "root" .root "image" .service) }}
imagePullPolicy: {{ $values.image.pullPolicy }}
{{ include "countersign.containerSecurity" . }}
args: [/app/start.mjs, backup, provision]
env:
{{- range $name, $value := include "countersign.archive" . | fromYaml }}
  - { name: {{ $name }}, value: {{ $value }} }
{{- end }}
  - { name: COUNTERSIGN_NATS_URL, value: {{ $values.nats.url | quote }} }
  - { name: COUNTERSIGN_OPERATOR_SEED_FILE, value: /run/secrets/countersign/{{ $values.backup.initSecret.seedKey }} }
  - { name: COUNTERSIGN_KEYS_PUBLIC_KEY, value: /run/secrets/countersign/{{ $values.backup.initSecret.publicKeyKey }} }
{{- if $values.nats.tls.enabled }}
  - { name: COUNTERSIGN_NATS_TLS_DIR, value: /run/secrets/bus-tls }
{{- end }}
resources: {{- toYaml $values.provision.resources | nindent 2 }}
volumeMounts:
  - { name: init-secrets, mountPath: /run/secrets/countersign, readOnly: true }
  - { name: tmp, mountPath: /tmp }
{{- if $values.nats.tls.enabled }}
  - { name: init-bus-tls, mountPath: /run/secrets/bus-tls, readOnly: true }
{{- end }}
  - { name: state, mountPath: /var/lib/countersign }
  - { name: archive, mountPath: /var/lib/countersign/archive }
{{- end }}

{{- define "countersign.volumes" -}}
{{- $own := index .root.Values .service }}
- name: tmp
  emptyDir: { medium: Memory, sizeLimit: 16Mi }
- name: secrets
  secret:
    secretName: {{ include "countersign.secret" . }}
    defaultMode: 0440
    items:
{{- $keys := $own.secret.keys }}
{{- range $own.secret.files }}{{ if . }}{{ $keys = append $keys . }}{{ end }}{{ end }}
{{- range $keys | uniq | sortAlpha }}
      - { key: {{ . }}, path: {{ . }} }
{{- end }}
{{- if .root.Values.nats.tls.enabled }}
- name: bus-tls
  secret: { secretName: {{ include "countersign.secret" . }}-bus-tls, defaultMode: 0440 }
{{- end }}
{{- if .facts.copies }}
{{- $init := .root.Values.backup.initSecret }}
{{- $name := $init.name | default (printf "%s-init" (include "countersign.name" .)) }}
- name: scratch
  emptyDir: { sizeLimit: {{ .root.Values.backup.scratch.size }} }
- name: init-secrets
  secret:
    secretName: {{ $name }}
    defaultMode: 0440
    items:
      - { key: {{ $init.seedKey }}, path: {{ $init.seedKey }} }
      - { key: {{ $init.publicKeyKey }}, path: {{ $init.publicKeyKey }} }
{{- if .root.Values.nats.tls.enabled }}
- name: init-bus-tls
  secret: { secretName: {{ $name }}-bus-tls, defaultMode: 0440 }
{{- end }}
{{- end }}
{{- end }}
