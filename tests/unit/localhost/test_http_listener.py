import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import azure.functions as func
import pytest

from localhost.clocks import ManualClock
from localhost.host import Host
from tests.unit.localhost.test_clocks import NOON
