"""The sandbox carrier: another company, simulated; it sells numbers for money that is none.

It keeps its own file, so it remembers every charge whatever becomes of us, and it fails on
command. Nothing here knows of the guard, the store or the adapters; the one door to it is
`ringfence.providers.sandbox`.
"""
