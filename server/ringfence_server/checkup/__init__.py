"""What `ringfence doctor` looks at: each check gives findings, and changes nothing.

`finding` is what a check says; `machine`, `database`, `approvers`, `page`, `public_page`, `secrets` and `clients` are
the checks.
"""
