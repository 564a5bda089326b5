"""Stack, release, rollout and state: frozen values and pure transitions, standard library only."""
