{{/* SPDX-License-Identifier: GPL-3.0-or-later */}}
{{/*
Rights by kind of target: what is read to measure it, and what is written to change it, as lists of rules.
*/}}
{{- define "optctl.targets" -}}
Deployment:
  read:
    - {apiGroups: [apps], resources: [deployments], verbs: [get, list, watch]}
    - {apiGroups: [""], resources: [pods], verbs: [list, watch]}
    - {apiGroups: [metrics.k8s.io], resources: [pods], verbs: [list]}
    - {apiGroups: [autoscaling.k8s.io], resources: [verticalpodautoscalers], verbs: [list, watch]}
  write: # and who else might: nobody writes where an autoscaler does
    - {apiGroups: [apps], resources: [deployments, deployments/scale], verbs: [patch]}
    - {apiGroups: [autoscaling], resources: [horizontalpodautoscalers], verbs: [list, watch]}
    - {apiGroups: [keda.sh], resources: [scaledobjects], verbs: [list, watch]}
StatefulSet:
  read:
    - {apiGroups: [apps], resources: [statefulsets], verbs: [get, list, watch]}
    - {apiGroups: [""], resources: [pods], verbs: [list, watch]}
    - {apiGroups: [metrics.k8s.io], resources: [pods], verbs: [list]}
    - {apiGroups: [autoscaling.k8s.io], resources: [verticalpodautoscalers], verbs: [list, watch]}
  write: # and who else might: nobody writes where an autoscaler does
    - {apiGroups: [apps], resources: [statefulsets, statefulsets/scale], verbs: [patch]}
    - {apiGroups: [""], resources: [pods/resize], verbs: [patch]}
    - {apiGroups: [autoscaling], resources: [horizontalpodautoscalers], verbs: [list, watch]}
    - {apiGroups: [keda.sh], resources: [scaledobjects], verbs: [list, watch]}
HorizontalPodAutoscaler: # and what it scales
  read:
    - {apiGroups: [autoscaling], resources: [horizontalpodautoscalers], verbs: [get, list, watch]}
    - {apiGroups: [apps], resources: [deployments], verbs: [get, list, watch]}
    - {apiGroups: [apps], resources: [statefulsets], verbs: [get, list, watch]}
    - {apiGroups: [""], resources: [pods], verbs: [list, watch]}
    - {apiGroups: [metrics.k8s.io], resources: [pods], verbs: [list]}
  write:
    - {apiGroups: [autoscaling], resources: [horizontalpodautoscalers], verbs: [patch]}
ScaledObject: # and what it scales
  read:
    - {apiGroups: [keda.sh], resources: [scaledobjects], verbs: [get, list, watch]}
    - {apiGroups: [apps], resources: [deployments], verbs: [get, list, watch]}
    - {apiGroups: [apps], resources: [statefulsets], verbs: [get, list, watch]}
    - {apiGroups: [""], resources: [pods], verbs: [list, watch]}
    - {apiGroups: [metrics.k8s.io], resources: [pods], verbs: [list]}
  write:
    - {apiGroups: [keda.sh], resources: [scaledobjects], verbs: [patch]}
FlinkDeployment:
  read:
    - {apiGroups: [flink.apache.org], resources: [flinkdeployments], verbs: [get, list, watch]}
  write: # and who else might: nobody writes where an autoscaler does
    - {apiGroups: [flink.apache.org], resources: [flinkdeployments], verbs: [patch]}
    - {apiGroups: [autoscaling], resources: [horizontalpodautoscalers], verbs: [list, watch]}
    - {apiGroups: [keda.sh], resources: [scaledobjects], verbs: [list, watch]}
KafkaTopic:
  read:
    - {apiGroups: [kafka.strimzi.io], resources: [kafkatopics], verbs: [get, list, watch]}
  write:
    - {apiGroups: [kafka.strimzi.io], resources: [kafkatopics], verbs: [patch]}
ScheduledSparkApplication: # its runs are only read
  read:
    - {apiGroups: [sparkoperator.k8s.io], resources: [scheduledsparkapplications], verbs: [get, list, watch]}
    - {apiGroups: [sparkoperator.k8s.io], resources: [sparkapplications], verbs: [list, watch]}
  write:
    - {apiGroups: [sparkoperator.k8s.io], resources: [scheduledsparkapplications], verbs: [patch]}
CronJob: # its runs are only read
  read:
    - {apiGroups: [batch], resources: [cronjobs], verbs: [get, list, watch]}
    - {apiGroups: [batch], resources: [jobs], verbs: [list, watch]}
    - {apiGroups: [""], resources: [pods], verbs: [list, watch]}
    - {apiGroups: [metrics.k8s.io], resources: [pods], verbs: [list]}
    - {apiGroups: [autoscaling.k8s.io], resources: [verticalpodautoscalers], verbs: [list, watch]}
  write:
    - {apiGroups: [batch], resources: [cronjobs], verbs: [patch]}
Job:
  read:
    - {apiGroups: [batch], resources: [jobs], verbs: [get, list, watch]}
    - {apiGroups: [""], resources: [pods], verbs: [list, watch]}
    - {apiGroups: [metrics.k8s.io], resources: [pods], verbs: [list]}
  write:
    - {apiGroups: [batch], resources: [jobs], verbs: [patch]}
{{- end }}

{{/* The rules for what is tuned, each once; nothing is written below mode Auto. */}}
{{- define "optctl.targetRules" -}}
{{- $table := include "optctl.targets" . | fromYaml }}
{{- $rules := list }}
{{- range .Values.targets }}
{{- $rights := get $table . }}
{{- $rules = concat $rules $rights.read }}
{{- if eq $.Values.mode "Auto" }}
{{- $rules = concat $rules $rights.write }}
{{- end }}
{{- end }}
{{- toYaml (uniq $rules) }}
{{- end }}

{{/* The rules for our own kinds, in the namespaces of pipelines. */}}
{{- define "optctl.ownRules" -}}
- apiGroups: [optctl.dev]
  resources: [tunedpipelines]
  verbs: [list, watch]
- apiGroups: [optctl.dev]
  resources: [tunedpipelines/status]
  verbs: [patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- if .Values.studies }}
- apiGroups: [optctl.dev]
  resources: [tuningstudies]
  verbs: [list, watch]
- apiGroups: [optctl.dev]
  resources: [tuningstudies/status]
  verbs: [patch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [create, get, list, watch, delete]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [create, get]
- apiGroups: [""]
  resources: [podtemplates]
  verbs: [get]
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
{{- end }}
{{- end }}

{{/* The rules for what stands in no namespace; a Role gives none. */}}
{{- define "optctl.clusterRules" -}}
- apiGroups: [optctl.dev]
  resources: [pricebooks]
  verbs: [list, watch]
- apiGroups: [optctl.dev]
  resources: [pricebooks/status]
  verbs: [patch]
{{- if .Values.nodePrices }}
- apiGroups: [""]
  resources: [nodes, pods]
  verbs: [list, watch]
{{- end }}
{{- end }}
