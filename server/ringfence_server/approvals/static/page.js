// What the page can do without, but does better with: Approve that cannot be hit by accident,
// a clock that runs, and a list that is fresh when somebody looks at it.
"use strict";

(() => {
  const ARM_MS = 1500; // for a second click that was meant for whatever stood here before
  const INBOX_MS = 10_000;
  const approve = document.querySelector("[data-arm]");
  let arming;

  // Approve works once the window has been in front for a moment, and not while it is not.
  const disarm = () => {
    clearTimeout(arming);
    approve.disabled = true;
    approve.classList.remove("is-arming");
  };
  const arm = () => {
    disarm();
    if (!document.hasFocus()) return;
    approve.classList.add("is-arming");
    arming = setTimeout(() => {
      approve.disabled = false;
      approve.classList.remove("is-arming");
    }, ARM_MS);
  };
  if (approve) {
    arm();
    addEventListener("focus", arm);
    addEventListener("blur", disarm);
  }

  // One decision a page: a second click while the first is under way does nothing.
  let sent = false;
  for (const form of document.forms) {
    form.addEventListener("submit", (event) => {
      if (sent) event.preventDefault();
      sent = true;
    });
  }
  // A page that comes back from the browser's memory may show what is over.
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });

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
        setTimeout(() => location.reload(), 1000);
      }
    };
    const ticking = setInterval(show, 1000);
    show();
  }

  if (document.querySelector("[data-inbox]")) {
    const isRead = () => document.activeElement !== document.body || String(getSelection());
    setInterval(() => {
      if (document.visibilityState === "visible" && !isRead()) location.reload();
    }, INBOX_MS);
    addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") location.reload();
    });
  }
})();
