"""The Functions app: registers the blueprints, and nothing else."""

import azure.functions as func

from shared.entrypoints import queues, timer
from shared.entrypoints.arm import blueprint as arm

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
for module in (timer, queues, arm):
    app.register_functions(module.blueprint)
