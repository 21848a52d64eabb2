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
{{- end }}
