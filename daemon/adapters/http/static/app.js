// What the pages do beyond htmx: the Connect pop-up, dialogs, times that stay true, and a word when live updates stop.
(() => {
  "use strict";

  const byId = (id) => document.getElementById(id);
  const channel = new BroadcastChannel("syncd-connect");

  // ---- Connect in a pop-up, and back -----------------------------------------------------------

  function openPopup(event) {
    const link = event.target.closest("a[data-popup]");
    if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const width = 560;
    const height = 720;
    const left = Math.max(0, window.screenX + (window.outerWidth - width) / 2);
    const top = Math.max(0, window.screenY + (window.outerHeight - height) / 2);
    const popup = window.open(link.href, "freshbooks-connect", `popup,width=${width},height=${height},left=${left},top=${top}`);
    // A browser that blocks pop-ups follows the link in this window instead.
    if (!popup) return;
    event.preventDefault();
    popup.focus();
  }

  function finishPopup() {
    if (!document.querySelector("[data-connect-done]")) return;
    channel.postMessage("done");
    window.close();
    // Only a window that a script opened can be closed by one.
    window.setTimeout(() => window.location.replace("/integrations"), 600);
  }

  channel.addEventListener("message", () => {
    if (document.querySelector("[data-connect]")) window.location.assign("/integrations");
  });

  // ---- dialogs: pages of their own without this file -------------------------------------------

  function showDialog() {
    const dialog = byId("dialog");
    if (!byId("dialog-body").firstElementChild) {
      window.location.reload();
      return;
    }
    if (!dialog.open) dialog.showModal();
    const first = dialog.querySelector("[aria-invalid], select, input:not([type=hidden]), .button, button");
    if (first) first.focus();
  }

  function closeDialog(event) {
    const dialog = byId("dialog");
    if (!dialog || !dialog.open) return;
    if (event.target === dialog || event.target.closest("[data-close-dialog]")) {
      event.preventDefault();
      dialog.close();
    }
  }

  function closeWindow(event) {
    if (!event.target.closest("[data-close-window]")) return;
    // In a pop-up this closes it; anywhere else the link leads back.
    window.close();
  }

  // ---- one press, one request ------------------------------------------------------------------

  function pressOnce(event) {
    const form = event.target;
    if (form.method !== "post" || form.hasAttribute("hx-post")) return;
    if (form.getAttribute("aria-busy") === "true") {
      event.preventDefault();
      return;
    }
    form.setAttribute("aria-busy", "true");
  }

  function freeForms() {
    document.querySelectorAll("form[aria-busy]").forEach((form) => form.removeAttribute("aria-busy"));
  }

  // ---- a part in which somebody types is brought up to date when they are done ------------------

  function isTyping(part) {
    const focused = document.activeElement;
    return part.contains(focused) && focused.matches("input:not([type=hidden]), select, textarea");
  }

  function keepTyped(event) {
    const part = event.detail.target;
    if (event.detail.elt !== part || !isTyping(part)) return;
    event.detail.shouldSwap = false;
    part.setAttribute("data-stale", "");
  }

  function catchUp(event) {
    const part = event.target.closest("[data-stale]");
    // A press on a button of the same part must still find the button.
    if (!part || part.contains(event.relatedTarget)) return;
    part.removeAttribute("data-stale");
    htmx.trigger(part, "stale");
  }

  // ---- what was folded out stays so when its part is brought up to date --------------------------

  let unfolded = [];

  function noteUnfolded(event) {
    unfolded = [...event.detail.target.querySelectorAll("details[open][id]")].map((details) => details.id);
  }

  function unfoldAgain() {
    unfolded.map(byId).forEach((details) => details && details.setAttribute("open", ""));
    unfolded = [];
  }

  // ---- a link that looks and sounds like a switch is pressed like one ---------------------------

  function pressSwitch(event) {
    if (event.key !== " " || !event.target.matches("a[role=switch]")) return;
    event.preventDefault();
    event.target.click();
  }

  // ---- what a screen reader hears --------------------------------------------------------------

  let said = "";

  function announce() {
    const module = byId("module");
    const says = module ? module.dataset.says : "";
    if (says && said && says !== said) byId("announcer").textContent = says;
    said = says || said;
  }

  // ---- times that stay true --------------------------------------------------------------------

  const UNITS = [[60, 1, "s"], [3600, 60, "min"], [172800, 3600, "h"], [604800, 86400, "days"]];

  function tellTimes() {
    document.querySelectorAll("time[data-relative]").forEach((element) => {
      const seconds = Math.round((Date.now() - Date.parse(element.dateTime)) / 1000);
      const unit = UNITS.find(([below]) => Math.abs(seconds) < below);
      if (!unit) return;
      const text = `${Math.floor(Math.abs(seconds) / unit[1])} ${unit[2]}`;
      const words = seconds === 0 ? "now" : seconds < 0 ? `in ${text}` : `${text} ago`;
      if (element.textContent !== words) element.textContent = words;
    });
  }

  // ---- when live updates stop ------------------------------------------------------------------

  // Two things can go wrong, and each is over only when it works again itself: a part that was read anew says nothing
  // about the stream, and an open stream nothing about a part that could not be read.
  const troubles = { stream: "", request: "" };

  function trouble(which, sentence) {
    troubles[which] = sentence;
    const place = byId("trouble");
    if (!place) return;
    const words = troubles.request || troubles.stream;
    if (place.textContent !== words) place.textContent = words;
    place.hidden = !words;
  }

  document.addEventListener("click", openPopup);
  document.addEventListener("click", closeDialog);
  document.addEventListener("click", closeWindow);
  document.addEventListener("submit", pressOnce);
  window.addEventListener("pageshow", freeForms);
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id === "dialog-body") showDialog();
    unfoldAgain();
    announce();
    tellTimes();
  });
  document.addEventListener("htmx:beforeSwap", keepTyped);
  document.addEventListener("htmx:beforeSwap", noteUnfolded);
  document.addEventListener("keydown", pressSwitch);
  document.addEventListener("focusout", catchUp);
  document.addEventListener("htmx:sseError", () => {
    trouble("stream", "Live updates are interrupted. Trying again…");
    // A stream tells no reason. A page whose session has ended learns it from this small part, and leads to the way in.
    htmx.trigger("#nav", "stale");
  });
  document.addEventListener("htmx:sseOpen", () => trouble("stream", ""));
  document.addEventListener("htmx:responseError", () => trouble("request", "This page could not be brought up to date. Trying again…"));
  document.addEventListener("htmx:sendError", () => trouble("request", "The dashboard cannot be reached. Trying again…"));
  document.addEventListener("htmx:afterOnLoad", (event) => {
    if (event.detail.successful) trouble("request", "");
  });
  window.setInterval(tellTimes, 15000);
  announce();
  finishPopup();
})();
