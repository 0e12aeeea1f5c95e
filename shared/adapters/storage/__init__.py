"""The stores over rows, and the rows and queues of Azure Storage.

Every store is written once, over the small protocol `rows.Rows`; Azure Table Storage and a dictionary in memory both
implement that, and the same contract tests hold both.
"""
