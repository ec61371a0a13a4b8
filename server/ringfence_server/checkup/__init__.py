"""What `ringfence doctor` looks at: each check gives findings, and changes nothing.

`finding` is what a check says; `machine`, `database`, `approvers`, `page`, `public_page` and `clients` are the checks,
in the order of the report.
"""
