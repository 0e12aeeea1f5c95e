"""The two timers, each minute: the ticks carry no data, and a lost or doubled one changes nothing."""

import azure.functions as func

from shared import bootstrap
from shared.application import collect_results as collecting
from shared.application import evaluate_schedules as evaluating

blueprint = func.Blueprint()


@blueprint.timer_trigger(schedule="0 * * * * *", arg_name="timer")
async def evaluate_schedules(timer: func.TimerRequest) -> None:
    """What is due, and what was missed?"""
    await evaluating.evaluate_schedules(await bootstrap.services())


@blueprint.timer_trigger(schedule="30 * * * * *", arg_name="timer")
async def collect_results(timer: func.TimerRequest) -> None:
    """What do the machines report?"""
    await collecting.collect_results(await bootstrap.services())
