"""What a host on one machine says when it has started: how to reach it, what is real, how to stop it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from localhost.azure.generate import subscription_id

if TYPE_CHECKING:
    from localhost.serve import ServeOptions
    from localhost.state_folder import StateFolder
