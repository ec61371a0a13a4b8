"""The approval page: a web app of its own, where a person looks at what was asked for and decides.

It lives in a thread beside the server (`serving`), on loopback sockets that are bound here (`listening`).
Any process of the installation may serve it; `keeping` sees to it that exactly one does while somebody is
awaited, and `identity` tells that one from a stranger on its port. `gate` stands before every request,
`web` answers them, and `view` turns an intent into what the templates print.

There are no cookies and no sessions, so a foreign page has nothing to ride on; what a form must be sent
with lies in the store and works once.
"""
