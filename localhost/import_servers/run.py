"""Import: read the source, decide, ask Muster what it has, send what is new or changed, and say what became of all."""

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from localhost.errors import LocalhostError
from localhost.import_servers.ansible import Wishes, read_inventory
from localhost.import_servers.candidates import Candidate, choose
from localhost.import_servers.documents import (
    HostKeyDiffersError,
    Json,
    changed_document,
    new_document,
)
from localhost.import_servers.host_keys import HostKeys
from localhost.import_servers.hosts import FoundHost, LeftOut
from localhost.import_servers.muster import Muster, RefusedError, connected
from localhost.import_servers.openssh import read_configuration
from localhost.import_servers.options import ImportOptions
from localhost.import_servers.report import Result, State, printable, table
from shared.errors import InvalidRequestError

_AT_ONCE = 8

Say = Callable[[str], None]


async def run_import(options: ImportOptions, say: Say) -> bool:
    """Whether nothing failed. LocalhostError or OSError when it can't begin."""
    found = _read(options)
    if not found:
        raise LocalhostError(f"{options.ansible or options.openssh} names no host.")
    candidates, results = choose(found, HostKeys.read(options.known_hosts), options)
    if candidates:
        results += await _register_all(candidates, options, say)
    say(table(results))
    if options.dry_run:
        say("Nothing was sent.")
    return not any(result.state is State.FAILED for result in results)


def _read(options: ImportOptions) -> list[FoundHost | LeftOut]:
    if options.openssh:
        return read_configuration(options.openssh)
    wishes = Wishes(
        tags_from=options.tags_from, location_from=options.location_from, groups=options.group_tags
    )
    if options.ansible is None:
        raise LocalhostError("Nothing says where to read servers from.")
    return read_inventory(_text(options.ansible), wishes)


def _text(path: Path) -> str:
    try:
        return sys.stdin.read() if path == Path("-") else path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise LocalhostError(f"{path} is not UTF-8.") from error


async def _register_all(
    candidates: Sequence[Candidate], options: ImportOptions, say: Say
) -> list[Result]:
    """One result each, in the order of the candidates."""
    async with connected(options.url, audience=options.audience, connections=_AT_ONCE) as muster:
        try:
            await muster.check(options.group_id)
        except RefusedError as error:
            raise LocalhostError(printable(str(error))) from error
        room = asyncio.Semaphore(_AT_ONCE)

        async def register(candidate: Candidate) -> Result:
            async with room:
                return await _register(candidate, options, muster=muster, say=say)

        return await asyncio.gather(*map(register, candidates))


async def _register(
    candidate: Candidate, options: ImportOptions, *, muster: Muster, say: Say
) -> Result:
    name = candidate.found.name
    try:
        before = await muster.get(candidate.id)
        if before is None:
            document: Json | None = new_document(candidate, options)
        else:
            document = changed_document(candidate, options, registered=before.resource)
        if document is None:
            return Result(state=State.UNCHANGED, name=name)
        if options.dry_run:
            say(f"PUT {candidate.id}\n{json.dumps(document, indent=2)}")
        else:
            await muster.put(candidate.id, document, before=before)
    except (RefusedError, HostKeyDiffersError) as error:
        return Result(state=State.FAILED, name=name, message=str(error))
    except InvalidRequestError as error:
        return Result(state=State.FAILED, name=name, message=_mistakes(error))
    return Result(state=State.CHANGED if before else State.REGISTERED, name=name)


def _mistakes(error: InvalidRequestError) -> str:
    """The sentences of the app, which repeat nothing of what is wrong."""
    details = [f"{one.target}: {one.message}" for one in error.details]
    return " ".join(details) or error.message
