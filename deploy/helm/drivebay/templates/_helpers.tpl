{{- define "drivebay.name" -}}{{ .Release.Name }}-{{ .part }}{{- end -}}
{{- define "drivebay.labels" -}}
app.kubernetes.io/name: drivebay
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}
{{- /* Who calls whom, and at which port: the addresses, the certificates' names and the network policies follow it. */ -}}
{{- define "drivebay.map" -}}
auth: {port: 7001, callers: [gateway]}
files: {port: 7002, callers: [gateway, ingest, janitor]}
storage: {port: 7003, callers: [gateway, files, janitor]}
{{- end -}}
{{- define "drivebay.needs" -}}
gateway: []
auth: [database-url]
files: [database-url]
storage: [s3-access-key, s3-secret-key]
ingest: [nats-url]
janitor: []
{{- end -}}
