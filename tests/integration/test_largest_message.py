"""The largest message that a queue takes, and of no use: it is poisoned, kept, and stops nothing."""

from azure.data.tables.aio import TableServiceClient

from tests.integration.app import running

LARGEST = 48 * 1024
"""Characters: 64 KiB as base64 (learn.microsoft.com/rest/api/storageservices/put-message)."""


async def test_largest_message_that_a_queue_takes_is_kept_cut_when_it_is_malformed(
    fresh_azurite: str,
) -> None:
    async with running(fresh_azurite, machines=3) as app:
        await app.configure()
        for queue in ("jobs", "runs"):
            await app.put_message(queue, "x" * LARGEST)
        await app.host.pump()
        async with TableServiceClient.from_connection_string(fresh_azurite) as tables:
            kept = [row async for row in tables.get_table_client("Poisoned").list_entities()]
        assert sorted(row["PartitionKey"] for row in kept) == ["jobs", "runs"]
        assert {row["body"] for row in kept} == {"x" * 32_000}
        assert all("malformed" in row["reason"] for row in kept)
        status, _ = await app.call("GET", app.configuration_id)
        assert status == 200
