"""Everything of ringfence that talks to the outside: MCP server, transports, command line.

An assistant's way in reads in this order: `serve` (a process on stdin and stdout), `app` (the MCP
server), `listing` (what it shows), `calls` (the one door that every call goes through), `consent`
(asking a person), `installation` (what stands behind it).
"""
