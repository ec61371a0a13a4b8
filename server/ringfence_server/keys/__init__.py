"""Approvers' own keys: made, locked by a passphrase, and used in the approver's own process. No server imports this."""
