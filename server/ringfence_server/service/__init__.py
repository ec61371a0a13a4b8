"""`ringfence up` as a service of one user: what the system is told, so that page and runner are always there.

`program` says what is to run, `systemd` and `launchd` say it in the words of Linux and of macOS, and `manager`
writes it down and has it started.
"""
