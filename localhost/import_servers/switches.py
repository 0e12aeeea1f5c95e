"""The switches of `import`, and the options that follow from them."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from localhost.arguments import address
from localhost.errors import LocalhostError
from localhost.import_servers.options import DEFAULT_URL, ImportOptions
from shared.domain.ids import ResourceId
from shared.errors import InvalidRequestError

DESCRIPTION = (
    "Hosts without a known host key, behind another host, or not reached by SSH are left out, and said. What is "
    "registered already is changed only where it differs; a registered host key stays. Exit code 1 if any host failed."
)
_OF_ANSIBLE = "Ansible's own variables may hold secrets, and none becomes a tag or a location: {}."


def add_switches(parser: argparse.ArgumentParser) -> None:
    """Add them, in groups."""
    _add_source(parser)
    _add_place(parser)
    _add_keys(parser)
    add = parser.add_argument_group("Muster").add_argument
    add("--url", type=address, default=DEFAULT_URL, help="where it answers (default %(default)s)")
    add(
        "--audience",
        default="",
        metavar="CLIENT_ID",
        help="sign in, and send a token for this registration of Muster's in Entra ID; https only",
    )
    add("--dry-run", action="store_true", help="ask, and print what would be sent")


def _add_source(parser: argparse.ArgumentParser) -> None:
    source = parser.add_argument_group("where the servers stand, one of the two")
    one = source.add_mutually_exclusive_group(required=True)
    one.add_argument(
        "--ansible",
        type=Path,
        metavar="FILE",
        help="what `ansible-inventory --list` printed; - is stdin",
    )
    one.add_argument(
        "--openssh", type=Path, metavar="FILE", help="a configuration such as ~/.ssh/config"
    )
    add = parser.add_argument_group("of an inventory").add_argument
    add(
        "--group-tag",
        action="append",
        default=[],
        metavar="GROUP",
        help="make a tag ansible:GROUP of this group only; of every group unless said",
    )
    add(
        "--tag-from",
        action="append",
        default=[],
        metavar="VARIABLE",
        help="make a tag of this variable",
    )
    add("--location-from", default="", metavar="VARIABLE", help="the location is in this variable")


def _add_place(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("what all of them have").add_argument
    add("--subscription", required=True, metavar="GUID")
    add("--resource-group", required=True, metavar="NAME")
    add("--location", default="", help="where the source has none")
    add("--user", default="", help="whom to sign in as where the source does not say")
    add("--tag", action="append", default=[], metavar="NAME=VALUE", help="a tag of all")
    add(
        "--disabled", action="store_true", help="register new ones disabled: their jobs are skipped"
    )


def _add_keys(parser: argparse.ArgumentParser) -> None:
    keys = parser.add_argument_group("keys")
    one = keys.add_mutually_exclusive_group(required=True)
    one.add_argument("--key-setting", metavar="NAME", help="the app setting with the private key")
    one.add_argument(
        "--key-vault-secret", metavar="NAME", help="the Key Vault secret with the private key"
    )
    keys.add_argument(
        "--known-hosts",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="where host keys stand (default ~/.ssh/known_hosts)",
    )
    keys.add_argument(
        "--trust-on-first-use",
        action="store_true",
        help="register hosts without a known key too, and trust the first that they show",
    )
    keys.add_argument(
        "--replace-host-keys",
        action="store_true",
        help="where known_hosts has another key than is registered, take that of known_hosts",
    )


def import_options(chosen: argparse.Namespace) -> ImportOptions:
    """What `import` was told; LocalhostError for what contradicts itself."""
    _check(chosen)
    return ImportOptions(
        ansible=chosen.ansible,
        openssh=chosen.openssh,
        group_id=_group_id(chosen.subscription, chosen.resource_group),
        authentication=(
            {"keySetting": chosen.key_setting}
            if chosen.key_setting is not None
            else {"keyVaultSecret": chosen.key_vault_secret}
        ),
        location=chosen.location,
        location_from=chosen.location_from,
        user=chosen.user,
        tags=_tags(chosen.tag),
        tags_from=tuple(chosen.tag_from),
        group_tags=tuple(chosen.group_tag),
        known_hosts=tuple(chosen.known_hosts),
        trust_on_first_use=chosen.trust_on_first_use,
        replace_host_keys=chosen.replace_host_keys,
        disabled=chosen.disabled,
        dry_run=chosen.dry_run,
        url=chosen.url,
        audience=chosen.audience,
    )


def _check(chosen: argparse.Namespace) -> None:
    variables = [*chosen.tag_from, chosen.location_from]
    if chosen.openssh and (any(variables) or chosen.group_tag):
        raise LocalhostError("A configuration of OpenSSH's has no groups and variables.")
    for name in variables:
        if name.lower().startswith("ansible_"):
            raise LocalhostError(_OF_ANSIBLE.format(name))
    if not (chosen.location.strip() or chosen.location_from):
        raise LocalhostError("Say where the servers are: --location, or --location-from.")
    if chosen.audience and not chosen.url.startswith("https://"):
        raise LocalhostError(
            "A token is sent over https only: leave out --audience, or give https."
        )


def _group_id(subscription: str, group: str) -> str:
    try:
        parsed = ResourceId.parse(f"/subscriptions/{subscription}/resourceGroups/{group}")
    except InvalidRequestError as error:
        raise LocalhostError(error.message) from error
    if parsed.resource_group != group:
        raise LocalhostError(f"'{group}' is not the name of a resource group.")
    return parsed.text


def _tags(written: Sequence[str]) -> dict[str, str]:
    tags = {}
    for one in written:
        name, equals, value = one.partition("=")
        if not (name and equals):
            raise LocalhostError(f"A tag is NAME=VALUE: {one}")
        tags[name] = value
    return tags
