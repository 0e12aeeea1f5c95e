"""Bodies that the OpenAPI document shows, by what they say; tests send each of them."""

_SUBSCRIPTION = "/subscriptions/6b1f0c52-8d3e-4f7a-9a41-000000000001"
_CONFIGURATION = (
    f"{_SUBSCRIPTION}/resourceGroups/ops/providers/Microsoft.Maintenance/maintenanceConfigurations"
    "/nightly"
)
_FILTER = {"locations": ["!northeurope"], "tagSettings": {"tags": {"env": ["prod"]}}}
SCHEDULES = {
    "The Saturday after the second Tuesday": {
        "location": "westeurope",
        "properties": {
            "maintenanceScope": "InGuestPatch",
            "extensionProperties": {"InGuestPatchMode": "User"},
            "maintenanceWindow": {
                "startDateTime": "2026-01-01 02:00",
                "duration": "03:00",
                "timeZone": "W. Europe Standard Time",
                "recurEvery": "Month Second Tuesday Offset4",
            },
            "installPatches": {
                "rebootSetting": "IfRequired",
                "windowsParameters": {"classificationsToInclude": ["Critical", "Security"]},
                "linuxParameters": {
                    "classificationsToInclude": ["Critical", "Security"],
                    "packageNameMasksToExclude": ["kernel*"],
                },
            },
        },
    }
}
ASSIGNMENTS = {
    "A dynamic scope": {
        "properties": {"maintenanceConfigurationId": _CONFIGURATION, "filter": _FILTER}
    },
    "One machine": {"properties": {"maintenanceConfigurationId": _CONFIGURATION}},
}
UNSAVED = {
    "Another scope": {
        "assignments": [{"properties": {"resourceId": _SUBSCRIPTION, "filter": _FILTER}}]
    }
}
CANCEL = {"Cancel": {"properties": {"status": "Cancel"}}}
MACHINES = {"Those of a configuration": {"configuration": _CONFIGURATION}}
TAG = {"A tag": {"tags": {"team": "web"}}}
MOVED = {"Another configuration": {"properties": {"maintenanceConfigurationId": _CONFIGURATION}}}
SERVERS = {
    "A pinned host key": {
        "location": "berlin",
        "tags": {"env": "prod"},
        "properties": {
            "osType": "Linux",
            "host": "db-1.example.com",
            "user": "muster",
            "hostKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKZuYn+TU6RqTjtN+7/lOhZTMN46gq29ch0l8IEsQUbz",
            "authentication": {"keySetting": "SSH_KEY_DB"},
        },
    },
    "Trust on first use": {
        "location": "berlin",
        "properties": {
            "osType": "Linux",
            "host": "10.20.0.7",
            "port": 2222,
            "user": "muster",
            "trustOnFirstUse": True,
            "authentication": {"keyVaultSecret": "ssh-key-web"},
            "enabled": False,
        },
    },
}
