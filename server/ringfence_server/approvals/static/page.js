// What the page can do without, but does better with: Approve that cannot be hit by accident,
// a clock that runs, and a list that is fresh when somebody looks at it. And what it cannot do
// without: passkeys.
"use strict";

(() => {
  const ARM_MS = 1500; // for a second click that was meant for whatever stood here before
  const INBOX_MS = 10_000;
  const OPENED_MS = 600_000; // after so long an opened page away from this machine locks itself
  // What was opened with a passkey came as the answer to a form: it is asked for anew, and locked then.
  const isPublic = "public" in document.documentElement.dataset;
  const again = () => (isPublic ? location.replace(location.pathname) : location.reload());
  const approve = document.querySelector("[data-arm]");
  const form = document.querySelector("[data-ceremony]");
  const hasPasskeys = "PublicKeyCredential" in window;

  // Approve works once every word above it has been on the screen, and it itself for a moment, in a window that is in
  // front; and not while that window is not.
  const TOP = 1;
  const BOTTOM = 2;
  const unread = new Map(); // what has words, and which of its edges have been on the screen
  let arming = null;
  const isOnScreen = (y) => y >= 0 && y <= innerHeight;
  const edgesOf = (element) => {
    const { top, bottom } = element.getBoundingClientRect();
    return (isOnScreen(top) ? TOP : 0) | (isOnScreen(bottom) ? BOTTOM : 0);
  };
  const findWords = () => {
    for (const element of document.querySelectorAll(".card *, .decide *")) {
      if (element.closest("details, form, [data-said], [data-unread]")) continue;
      const texts = [...element.childNodes].filter((each) => each.nodeType === Node.TEXT_NODE);
      if (texts.some((each) => each.data.trim())) unread.set(element, 0);
    }
  };
  const readOn = () => {
    for (const [element, before] of unread) {
      const edges = before | edgesOf(element);
      if (edges === (TOP | BOTTOM)) unread.delete(element);
      else unread.set(element, edges);
    }
    const hint = document.querySelector("[data-unread]");
    if (unread.size) hint.hidden = false;
    hint.classList.toggle("is-read", !unread.size);
  };
  const disarm = () => {
    clearTimeout(arming);
    arming = null;
    approve.disabled = true;
    approve.classList.remove("is-arming");
  };
  const arm = () => {
    approve.classList.add("is-arming");
    arming = setTimeout(() => {
      approve.disabled = false;
      approve.classList.remove("is-arming");
    }, ARM_MS);
  };
  const look = () => {
    if (document.visibilityState === "visible") readOn();
    const isReady = !unread.size && document.hasFocus() && edgesOf(approve) === (TOP | BOTTOM);
    if (isReady && arming === null) arm();
    if (!isReady && approve.disabled) disarm(); // what works already goes on working
  };
  if (approve && (!form || hasPasskeys)) {
    approve.disabled = true;
    findWords();
    for (const happening of ["focus", "scroll", "resize", "load", "visibilitychange"]) {
      addEventListener(happening, look, { passive: true });
    }
    addEventListener("blur", disarm);
    look();
  }

  // One decision a page: a second click while the first is under way does nothing.
  let sent = false;
  let asking = new AbortController();
  for (const each of document.forms) {
    if (each === form) continue;
    each.addEventListener("submit", (event) => {
      if (sent) event.preventDefault();
      sent = true;
      asking.abort(); // declined while a passkey was waited for
    });
  }

  // A passkey signs, or is made: the browser is asked, and its answer goes into the form.
  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/\+/g, "-")
      .replace(/\//g, "_")
      .replace(/=+$/, "");
  const named = (list = []) => list.map((each) => ({ ...each, id: bytes(each.id) }));
  const asked = (options) => ({
    ...options,
    challenge: bytes(options.challenge),
    ...(options.user && { user: { ...options.user, id: bytes(options.user.id) } }),
    ...(options.allowCredentials && { allowCredentials: named(options.allowCredentials) }),
    ...(options.excludeCredentials && { excludeCredentials: named(options.excludeCredentials) }),
  });
  const PARTS = ["clientDataJSON", "authenticatorData", "signature", "userHandle", "attestationObject"];
  const answered = ({ id, rawId, type, response }, parts) => ({
    id,
    rawId: text(rawId),
    type,
    response: Object.fromEntries(
      parts.filter((part) => response[part]).map((part) => [part, text(response[part])]),
    ),
    clientExtensionResults: {},
  });
  const REASONS = {
    NotAllowedError:
      "Nothing was signed: it was cancelled or took too long, or none of the passkeys asked for is at hand.",
    InvalidStateError: "This device has a passkey of yours for this page already.",
    SecurityError: "Passkeys do not work at this address. Open the page at its own.",
  };

  if (form) {
    const said = document.querySelector("[data-said]");
    const button = form.querySelector("button");
    const kind = form.dataset.ceremony;
    const parts = kind === "get" ? PARTS.slice(0, 4) : [PARTS[0], PARTS[4]];
    said.textContent = hasPasskeys ? "" : "This browser has no passkeys; use another one.";
    if (hasPasskeys && button !== approve) button.disabled = false;
    let isAsking = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (sent || isAsking) return;
      isAsking = true;
      asking = new AbortController();
      said.textContent = "Waiting for your passkey…";
      try {
        const publicKey = asked(JSON.parse(form.dataset.options));
        const credential = await navigator.credentials[kind]({ publicKey, signal: asking.signal });
        if (sent) return;
        sent = true;
        form.elements.answer.value = JSON.stringify(answered(credential, parts));
        form.submit();
      } catch (error) {
        said.textContent = sent ? "" : (REASONS[error.name] ?? `The browser cannot do it: ${error.name}.`);
      } finally {
        isAsking = false;
      }
    });
  }

  // A page that comes back from the browser's memory may show what is over.
  addEventListener("pageshow", (event) => {
    if (event.persisted) again();
  });

  if (document.querySelector("[data-opened]")) setTimeout(again, OPENED_MS);

  const left = document.querySelector("[data-seconds-left]");
  if (left) {
    const endsAt = performance.now() + Number(left.dataset.secondsLeft) * 1000;
    const two = (n) => String(n).padStart(2, "0");
    const show = () => {
      const seconds = Math.max(0, Math.ceil((endsAt - performance.now()) / 1000));
      const minutes = Math.floor(seconds / 60);
      const clock =
        minutes < 60
          ? `${minutes}:${two(seconds % 60)}`
          : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
      left.textContent = clock;
      if (seconds === 0) {
        clearInterval(ticking);
        setTimeout(() => again(), 1000);
      }
    };
    const ticking = setInterval(show, 1000);
    show();
  }

  if (document.querySelector("[data-inbox]")) {
    const isRead = () => document.activeElement !== document.body || String(getSelection());
    setInterval(() => {
      if (document.visibilityState === "visible" && !isRead()) again();
    }, INBOX_MS);
    addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") again();
    });
  }
})();
