"""The command line: what people and scripts do with an installation.

`serving` starts the server and loads neither typer nor rich; `program` is everything else, one
module a group of commands. `exits` says what each exit code means.
"""
