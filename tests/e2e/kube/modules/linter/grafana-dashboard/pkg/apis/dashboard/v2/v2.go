// SPDX-License-Identifier: GPL-3.0-or-later

// Package v2 stands in for a module that the proxy does not serve: as much of Grafana's second form of dashboards as the
// linter names. Ours are of the first form, so nothing of this is ever filled.
package v2

type DashboardSpec struct {
	Title       string
	Editable    *bool
	Elements    map[string]DashboardElement
	Variables   []DashboardVariableKind
	Annotations []DashboardAnnotationQueryKind
}

type DashboardElement struct {
	PanelKind *struct{ Spec DashboardPanelSpec }
}

type DashboardPanelSpec struct {
	Id                 float64
	Title, Description string
	Data               struct {
		Spec struct{ Queries []DashboardPanelQueryKind }
	}
	VizConfig struct {
		Group string
		Spec  struct{ FieldConfig, Options any }
	}
}

type DashboardPanelQueryKind struct {
	Spec struct {
		RefId  string
		Hidden bool
		Query  DashboardDataQueryKind
	}
}

type DashboardDataQueryKind struct {
	Group      string
	Datasource *struct{ Name *string }
	Spec       map[string]any
}

type DashboardAnnotationQueryKind struct {
	Spec struct {
		Name  string
		Query DashboardDataQueryKind
	}
}

type DashboardVariableRefresh string

const (
	DashboardVariableRefreshOnDashboardLoad    DashboardVariableRefresh = "onDashboardLoad"
	DashboardVariableRefreshOnTimeRangeChanged DashboardVariableRefresh = "onTimeRangeChanged"
)

type variable struct {
	Name            string
	Label, AllValue *string
	Multi           bool
	Refresh         DashboardVariableRefresh
}

type queried struct {
	Spec struct {
		variable
		Query DashboardDataQueryKind
	}
}

type written struct {
	Spec struct {
		variable
		Query, PluginId string
	}
}

type DashboardVariableKind struct {
	QueryVariableKind                                                *queried
	DatasourceVariableKind, CustomVariableKind, IntervalVariableKind *written
	ConstantVariableKind, TextVariableKind, AdhocVariableKind        *written
	GroupByVariableKind, SwitchVariableKind                          *written
}
