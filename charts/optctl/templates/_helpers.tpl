{{/* SPDX-License-Identifier: GPL-3.0-or-later */}}
{{- define "optctl.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "optctl.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "optctl.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "optctl.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* Names of what belongs to the whole cluster: two releases of one name in two namespaces are two. */}}
{{- define "optctl.clusterName" -}}
{{- printf "%s:%s" .Release.Namespace (include "optctl.fullname" .) -}}
{{- end }}

{{- define "optctl.selectorLabels" -}}
app.kubernetes.io/name: {{ include "optctl.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "optctl.labels" -}}
{{ include "optctl.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: controller
app.kubernetes.io/part-of: optctl
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "optctl.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "optctl.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{- define "optctl.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end }}

{{- define "optctl.tlsSecret" -}}
{{- default (printf "%s-tls" (include "optctl.fullname" .)) .Values.server.tlsSecret -}}
{{- end }}

{{- define "optctl.tokenSecret" -}}
{{- default (printf "%s-token" (include "optctl.fullname" .)) .Values.server.tokenSecret -}}
{{- end }}

{{- define "optctl.serverName" -}}
{{- printf "%s.%s.svc" (include "optctl.fullname" .) .Release.Namespace -}}
{{- end }}

{{- /* The file, or the URL with where its password is. */ -}}
{{- define "optctl.ledger" -}}
{{- with .Values.ledger.postgresql -}}
{{- if and .url .existingSecret -}}
{{- printf "%s%spasswordFile=/etc/optctl/ledger/password" .url (ternary "&" "?" (contains "?" .url)) -}}
{{- else -}}
{{- default "/var/lib/optctl/optctl.db" .url -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "optctl.claimName" -}}
{{- default (printf "%s-ledger" (include "optctl.fullname" .)) .Values.ledger.persistence.existingClaim -}}
{{- end }}
