"""What Resource Graph takes of KQL, as far as Muster's queries go.

Source: "Understanding the Azure Resource Graph query language", section "Supported tabular/top level operators"
(learn.microsoft.com/azure/governance/resource-graph/concepts/query-language).
"""

# The operators that Resource Graph supports; it refuses all others.
OPERATORS = {
    "count",
    "distinct",
    "extend",
    "join",
    "limit",
    "mvexpand",
    "mv-expand",
    "order",
    "parse",
    "project",
    "project-away",
    "sort",
    "summarize",
    "take",
    "top",
    "union",
    "where",
}
# Of its tables, those that hold machines and what became of installs.
TABLES = {"resources", "patchinstallationresources", "patchassessmentresources"}
