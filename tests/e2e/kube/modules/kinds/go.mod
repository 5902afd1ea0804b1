module optctl.dev/e2e/kinds

go 1.26.4

// Read for the definitions of their kinds; nothing of them is compiled.
require github.com/kedacore/keda/v2 v2.18.1

require k8s.io/autoscaler/vertical-pod-autoscaler v1.5.1

require github.com/kubeflow/spark-operator/v2 v2.3.0
