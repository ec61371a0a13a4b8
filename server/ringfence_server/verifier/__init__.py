"""The stand-alone verifier: one file that shares no code with the rest, so that nobody has to trust ours."""
