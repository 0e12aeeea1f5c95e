"""Servers imported into the whole app over HTTP, by the command line as a user starts it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncssh

from localhost.azure.faults import Faults
from tests.builders import HOST_KEY
from tests.integration.app import App, running
from tests.processes import finished

RECORDED = Path(__file__).parents[1] / "data" / "ansible" / "list.json"
BARE = " ".join(HOST_KEY.split()[:2])
OPENSSH = "Host db-1\n  HostName 10.0.0.5\nHost *\n  User deploy\n"


def another_key() -> str:
    key = asyncssh.generate_private_key("ssh-ed25519").export_public_key("openssh").decode()
    return " ".join(key.split()[:2])


class Import:
    """A user's folder, and an import from it."""

    def __init__(self, app: App, folder: Path) -> None:
        self.group = app.configuration_id.split("/providers/")[0]
        self._app = app
        self._folder = folder
        recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
        self.write("inventory.json", recorded["output"])
        self.write("config", OPENSSH)
        self.known("*.example.com", BARE)
        self.known("10.0.0.5", BARE)
        self.known("[web-2.example.com]:2222", BARE)

    def write(self, name: str, text: str) -> None:
        (self._folder / name).write_text(text, encoding="utf-8")

    def known(self, host: str, key: str) -> None:
        with (self._folder / "known_hosts").open("a", encoding="utf-8") as file:
            file.write(f"{host} {key}\n")

    async def run(self, *switches: str, source: str = "--ansible inventory.json") -> Any:
        """Exit code and the lines of both streams."""
        kind, name = source.split()
        _, _, subscription, _, group = self.group.split("/")
        given = {
            kind: str(self._folder / name),
            "--subscription": subscription,
            "--resource-group": group,
            "--key-setting": "SSH_KEY",
            "--location": "berlin",
            "--known-hosts": str(self._folder / "known_hosts"),
            "--url": self._app.host.url,
        }
        words = [word for pair in given.items() for word in pair]
        ended = await asyncio.to_thread(finished, "import", *words, *switches)
        return ended.returncode, (ended.stdout + ended.stderr).splitlines()

    async def registered(self) -> dict[str, Any]:
        """The servers, by name."""
        path = f"{self.group}/providers/Muster.OnPremises/servers"
        status, page = await self._app.call("GET", path)
        assert status == 200
        return {one["name"]: one for one in page["value"]}


async def test_inventory_is_imported_once_and_never_pins_another_key_by_itself(
    fresh_azurite: str, tmp_path: Path
) -> None:
    async with running(fresh_azurite, machines=1, faults=Faults()) as app:
        importing = Import(app, tmp_path)

        code, lines = await importing.run("--dry-run", "--tag-from", "env")
        assert (code, lines[-1], await importing.registered()) == (0, "Nothing was sent.", {})
        assert sum(line.startswith("PUT /subscriptions/") for line in lines) == 4
        assert [word for word in ("not-a-real", "VAULT", "id_db") if word in str(lines)] == []

        code, lines = await importing.run("--tag-from", "env")
        assert (code, lines[-1]) == (0, "8 hosts: 4 registered, 4 left out.")
        first = await importing.registered()
        assert set(first) == {"db-1", "lone", "web-1.example.com", "web-2.example.com"}
        assert first["db-1"]["properties"] == {
            "osType": "Linux",
            "host": "10.0.0.5",
            "port": 22,
            "user": "postgres-admin",
            "hostKey": BARE,
            "authentication": {"keySetting": "SSH_KEY"},
        }
        tags = {"ansible:prod": "yes", "ansible:db": "yes", "env": "prod"}
        assert first["db-1"]["tags"] == tags

        code, lines = await importing.run("--tag-from", "env")
        assert (code, lines[-1]) == (0, "8 hosts: 4 unchanged, 4 left out.")
        assert await importing.registered() == first

        importing.write("known_hosts", "")
        importing.known("10.0.0.5", other := another_key())
        importing.known("*.example.com,[web-2.example.com]:2222", BARE)
        code, lines = await importing.run("--tag-from", "env")
        assert (code, lines[-1]) == (1, "8 hosts: 3 unchanged, 4 left out, 1 failed.")
        assert await importing.registered() == first

        code, lines = await importing.run("--tag-from", "env", "--replace-host-keys")
        assert (code, lines[-1]) == (0, "8 hosts: 1 changed, 3 unchanged, 4 left out.")
        assert (await importing.registered())["db-1"]["properties"]["hostKey"] == other


async def test_configuration_of_openssh_is_imported_beside_what_stands(
    fresh_azurite: str, tmp_path: Path
) -> None:
    async with running(fresh_azurite, machines=1, faults=Faults()) as app:
        importing = Import(app, tmp_path)
        importing.write("config", f"{OPENSSH}Host stranger\n")
        openssh = "--openssh config"

        code, lines = await importing.run(source=openssh)
        assert (code, lines[-1]) == (0, "2 hosts: 1 registered, 1 left out.")
        code, lines = await importing.run("--trust-on-first-use", "--disabled", source=openssh)
        assert (code, lines[-1]) == (0, "2 hosts: 1 registered, 1 unchanged.")
        servers = await importing.registered()
        properties = servers["stranger"]["properties"]
        assert (properties["trustOnFirstUse"], properties["enabled"]) == (True, False)

        code, lines = await importing.run("--tag-from", "env")
        assert code == 0, lines
        assert (await importing.registered())["db-1"]["properties"]["user"] == "postgres-admin"


async def test_what_muster_does_not_answer_to_is_said_once(
    fresh_azurite: str, tmp_path: Path
) -> None:
    async with running(fresh_azurite, machines=1, faults=Faults()) as app:
        importing = Import(app, tmp_path)
        code, lines = await importing.run("--url", f"{app.host.url}/elsewhere")
        assert (code, len(lines)) == (1, 1)
        assert lines[0].startswith("InvalidResourcePath: There is no operation at this path.")
