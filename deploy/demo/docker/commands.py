"""Runs the tools with which a private engine gets its network."""

import subprocess

from deploy.demo.distribution.packages import EngineUnavailable, which

COMMAND_SECONDS = 300


def run(*command: str, check: bool = True) -> str:
    """Returns what the command prints. With `check`, raises EngineUnavailable if it is missing or fails."""
    tool = which(command[0])
    if tool is None:
        if check:
            raise EngineUnavailable(f"{command[0]} is missing. Install it and run this again.")
        return ""
    done = subprocess.run([tool, *command[1:]], capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS)
    if check and done.returncode:
        raise EngineUnavailable(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout
