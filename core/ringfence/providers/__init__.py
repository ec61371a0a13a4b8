"""Adapters: one module a carrier, behind one protocol. Nothing outside this folder knows a carrier's dialect."""
