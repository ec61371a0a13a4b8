"""Assistants' programs that start our server, and the files in which they are told to.

`catalogue` says where each keeps its servers, `entry` what ours looks like there, `jsonc` and `toml` change one
entry of a text and leave every other byte alone, `files` reads and replaces a file that is somebody else's.
"""
