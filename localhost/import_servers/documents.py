"""The document that is sent for a server: new, or what is registered with what the import says changed.

1. The import says the location, how the server is reached, its tags, and where its key is kept. What it does not say
   stays: `enabled`, other tags, further members. A document that would say the same is not sent.
2. The host key that is registered stays, named or trusted on first use, while known_hosts has it or nothing. If
   known_hosts has another, the server is left as it is, unless host keys are to be replaced. A server that moves to
   another address takes the key along that it was trusted by: it would else be trusted anew.
3. Every document is read by the app's own rules before it is sent, and what looks like a secret is not
   sent.
"""

from collections.abc import Mapping
from typing import Any

from localhost.import_servers.candidates import Candidate
from localhost.import_servers.options import ImportOptions
from shared.application.server_body import parse_server
from shared.errors import InvalidRequestError

Json = Mapping[str, Any]

_OF_REPLIES = frozenset({"id", "name", "type", "systemData", "hostKeyData"})
_TRUST: Json = {"trustOnFirstUse": True}


class HostKeyDiffersError(Exception):
    """The registered host key is not among those in known_hosts: one sentence."""


def new_document(candidate: Candidate, options: ImportOptions) -> Json:
    """The document of a server that is not registered; raises `InvalidRequestError`."""
    host_keys = candidate.host_keys
    key = {"hostKey": host_keys[0]} if host_keys else _TRUST
    document = _document(candidate, options, key=key, kept={})
    if options.disabled:
        document["properties"]["enabled"] = False
    parse_server(candidate.id, document)
    return document


def changed_document(
    candidate: Candidate, options: ImportOptions, *, registered: Json
) -> Json | None:
    """The document to send in place of the *registered* resource; None when that says the same.

    Raises `InvalidRequestError` and HostKeyDiffersError.
    """
    before = {name: member for name, member in registered.items() if name not in _OF_REPLIES}
    key = _key(candidate, options, registered=registered)
    document = _document(candidate, options, key=key, kept=before)
    enabled = before["properties"].get("enabled")
    if enabled is not None:
        document["properties"]["enabled"] = enabled
    server = parse_server(candidate.id, document)
    try:
        same = parse_server(candidate.id, before) == server
    except InvalidRequestError:
        same = False  # an older version stored what breaks a rule of this one
    return None if same else document


def _document(
    candidate: Candidate, options: ImportOptions, *, key: Json, kept: Json
) -> dict[str, Any]:
    found = candidate.found
    return {
        **kept,
        "location": found.location or options.location,
        "tags": _tags(candidate, options, kept=kept.get("tags") or {}),
        "properties": {
            "osType": "Linux",
            "host": found.host,
            "port": found.port,
            "user": found.user or options.user,
            **key,
            "authentication": dict(options.authentication),
        },
    }


def _tags(candidate: Candidate, options: ImportOptions, *, kept: Json) -> dict[str, str]:
    fresh = {**candidate.found.tags, **options.tags}
    said = {name.lower() for name in fresh}
    own = options.own_tags
    others = {
        name: value
        for name, value in kept.items()
        if name.lower() not in said and not (own and name.lower().startswith(own))
    }
    return {**others, **fresh}


def _key(candidate: Candidate, options: ImportOptions, *, registered: Json) -> Json:
    properties, found = registered["properties"], candidate.found
    named = _bare(properties.get("hostKey"))
    pinned = named or _bare(registered.get("hostKeyData", {}).get("trustedKey"))
    known = candidate.host_keys
    if known and pinned and pinned not in known and not options.replace_host_keys:
        raise HostKeyDiffersError(
            "known_hosts has another host key than the registered one, and nothing was changed: make sure "
            "which is right; --replace-host-keys takes the one in known_hosts."
        )
    if known:
        return {"hostKey": pinned if pinned in known else known[0]}
    moves = (properties.get("host"), properties.get("port", 22)) != (found.host, found.port)
    if pinned and (named or moves):
        return {"hostKey": pinned}
    return _TRUST


def _bare(key: object) -> str:
    """The type and the base64 of a key, without its comment."""
    return " ".join(key.split()[:2]) if isinstance(key, str) else ""
