"""Trying ringfence out: scripts of tool calls, and the pytest plugin.

Both play on a *stage*: a throw-away sandbox installation with the real server, the official MCP client
and a person, where time is simulated. Nothing here can be pointed at an installation that somebody uses.
"""
