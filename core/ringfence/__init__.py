"""The domain of ringfence: phone numbers, money, and the guard between the two.

Imports no MCP and no web framework. Read it in this order: the values (`money`, `numbers`), the nouns
(`offers`, `intents`, `inventory`, `policy`, `states`), the stories (`desk`, `runner`, `settle`), and
then what they stand on: `guard`, `store`, `providers`.
"""

__version__ = "0.1.0"
