"""The approval page: whether it is served, and whether its port is free for it."""

from __future__ import annotations

from ringfence_server.approvals.listening import PortTaken, listen
from ringfence_server.checkup.finding import Finding, fail, ok, warn
from ringfence_server.opening import Premises

MEND = "Set RINGFENCE_APPROVALS_URL to http://localhost:PORT with another port."


def reached(opened: Premises) -> Finding:
    """Ours and alive, or a port that is free for it, or a stranger's."""
    url = opened.page_keeper().living()
    if url is not None:
        return ok("page", f"The approval page is at {url}")
    port = opened.settings.approvals_port
    if port == 0:
        return ok("page", "Nobody serves the page; it takes any port that is free.")
    try:
        for listener in listen(port):
            listener.close()
    except PortTaken:
        says = f"Port {port}, for the approval page, belongs to another program."
        if opened.settings.mode == "sandbox":
            return warn("page", f"{says} A sandbox takes another one.", MEND)
        return fail("page", f"{says} A live installation has no page then.", MEND)
    except OSError as error:
        return fail("page", f"Port {port} cannot be opened: {error.strerror}.", MEND)
    return ok("page", f"Nobody serves the page now; port {port} is free for it.")
