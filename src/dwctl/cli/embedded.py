"""`dwctl embedded`: what is in the embedded application, and whether it is ready for the cutover."""

from __future__ import annotations

import typer

from dwctl.cli import embedded_check, embedded_drift, embedded_inventory, embedded_parked

app = typer.Typer(help="The embedded application: what is in it, and what may move.", no_args_is_help=True)
app.command("inventory")(embedded_inventory.inventory)
app.command("check")(embedded_check.check)
app.command("drift")(embedded_drift.drift)
app.command("parked")(embedded_parked.parked)
