"""Parts of a stack file as text."""
