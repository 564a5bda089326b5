"""The services of a Compose project by what they are: colors, singletons, callers, the updater's own."""
