{{- define "drivebay.name" -}}{{ .Release.Name }}-{{ .part }}{{- end -}}
{{- define "drivebay.labels" -}}
app.kubernetes.io/name: drivebay
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}
{{- /* The port of each contract service and its callers. Addresses, certificate names and network policies follow it. */ -}}
{{- define "drivebay.map" -}}
auth: {port: 7001, callers: [gateway, worker]}
files: {port: 7002, callers: [gateway, ingest, janitor, worker]}
storage: {port: 7003, callers: [gateway, files, janitor, worker]}
{{- end -}}
{{- define "drivebay.needs" -}}
gateway: [nats-url]
auth: [database-url]
files: [database-url, nats-url]
storage: [s3-access-key, s3-secret-key]
ingest: [nats-url]
janitor: []
worker: [nats-url]
{{- end -}}
