"""Examples of commands, which their help shows; a test reads each as the command line does."""

from collections.abc import Mapping

import click

#: By the words that name a command.
EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "demo": ("htcgrid demo", "htcgrid demo --trades 100000 --workers 4"),
    "run": ("htcgrid run examples/portfolio --input examples/portfolio/portfolio.json --output prices.json",),
    "submit": (
        "htcgrid submit pricing:price --input trades.json",
        "htcgrid submit pricing:price --input trades.jsonl --lines --id risk-2026-06-30 --label desk=fx",
        "htcgrid submit /srv/jobs/pricing.py:price --timeout 60 --tries 5 --pool large",
    ),
    "status": ("htcgrid status", "htcgrid status risk-2026-06-30 --json"),
    "watch": ("htcgrid watch risk-2026-06-30", "htcgrid watch rates fx --timeout 600"),
    "results": ("htcgrid results risk-2026-06-30 --values", "htcgrid results risk-2026-06-30 --failed --timeout 60"),
    "retry": ("htcgrid retry risk-2026-06-30",),
    "explain": ("htcgrid explain risk-2026-06-30", "htcgrid explain risk-2026-06-30 17"),
    "logs": ("htcgrid logs risk-2026-06-30 17",),
    "sessions": ("htcgrid sessions --label desk=rates", "htcgrid sessions --handler pricing:price --since 2d"),
    "cancel": ("htcgrid cancel risk-2026-06-30",),
    "delete": ("htcgrid delete risk-2026-06-30",),
    "agent": ("htcgrid agent", "htcgrid agent --config /srv/grid/grid.toml --pool large --workers 8 --log console"),
    "agents": ("htcgrid agents", "htcgrid agents --pool large --all"),
    "reaper": ("htcgrid reaper --config /srv/grid/grid.toml",),
    "drill": ("htcgrid drill --tasks 10000 --minutes 1", "htcgrid drill --faults agent-killed,worker-hung --seed 7"),
    "bench": ("htcgrid bench", "htcgrid bench --config grid.toml --pool large --workers 8"),
    "config check": ("htcgrid config check", "htcgrid config check --config /srv/grid/grid.toml --json"),
    "init": ("htcgrid init", "htcgrid init --provider redis"),
    "doctor": ("htcgrid doctor", "htcgrid doctor --config /srv/grid/grid.toml"),
    "providers": ("htcgrid providers",),
    "completion": ("htcgrid completion bash",),
    "help": ("htcgrid help submit", "htcgrid help config check"),
}


def show_examples(command: click.Command, path: str) -> None:
    """Let a command's help end with its examples, and that of a group's commands with theirs."""
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            show_examples(inner, f"{path} {name}")
    elif lines := EXAMPLES.get(path):
        title = "Example:" if len(lines) == 1 else "Examples:"
        # What follows a \b is left as it is.
        command.epilog = "\n".join(["\b", title, *(f"  {line}" for line in lines)])
