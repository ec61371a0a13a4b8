"""May we, and who said so: decisions, budgets, consent, and the only place where tickets are minted."""
