"""Why a stack cannot be played."""


class NotPlayable(Exception):
    """The stack cannot be played here. The message says why, and what to do."""
