"""Azure's clouds: where Azure Resource Manager answers in each, what its tokens are for, and where one signs in.

Sources: azure-mgmt-core, `get_arm_endpoints`, for endpoint and scope; "National clouds"
(learn.microsoft.com/entra/identity-platform/authentication-national-cloud) for the authority. China's is the one that
its tokens name as their issuer; `login.chinacloudapi.cn`, which azure-identity calls by default, is an older name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class CloudName(StrEnum):
    """A cloud, as `az cloud list` calls it."""

    PUBLIC = "AzureCloud"
    US_GOVERNMENT = "AzureUSGovernment"
    CHINA = "AzureChinaCloud"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """What differs from cloud to cloud; addresses without a slash at the end."""

    arm_endpoint: str
    arm_scope: str
    authority: str


CLOUDS: Mapping[CloudName, Cloud] = {
    CloudName.PUBLIC: Cloud(
        arm_endpoint="https://management.azure.com",
        arm_scope="https://management.azure.com/.default",
        authority="https://login.microsoftonline.com",
    ),
    CloudName.US_GOVERNMENT: Cloud(
        arm_endpoint="https://management.usgovcloudapi.net",
        arm_scope="https://management.core.usgovcloudapi.net/.default",
        authority="https://login.microsoftonline.us",
    ),
    CloudName.CHINA: Cloud(
        arm_endpoint="https://management.chinacloudapi.cn",
        arm_scope="https://management.chinacloudapi.cn/.default",
        authority="https://login.partner.microsoftonline.cn",
    ),
}
