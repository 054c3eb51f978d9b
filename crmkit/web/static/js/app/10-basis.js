/* crmkit in the browser. Every page works without these files; they add keys, the palette,
 * editing in place, dragging, drafts, messages that go away and busy buttons. They are one script,
 * in the order of their names; `crm` is what they share.
 * All listeners sit on the document, so parts that htmx swaps in need no set-up. */
const crm = (() => {
  "use strict";
  const root = document.documentElement;
  const body = document.body;
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const on = (type, handler, options) => document.addEventListener(type, handler, options);
  const text = (name) => body.dataset["t" + name[0].toUpperCase() + name.slice(1)] || "";
  const token = () => $('meta[name="csrf-token"]').content;
  /* Keys are those of the Latin alphabet wherever they lie: a Russian keyboard says "л" for Ctrl+K. */
  const letterOf = ({ key, code }) => (/^Key[A-Z]$/.test(code) && !/^[a-z]$/i.test(key) ? code[3] : key).toLowerCase();
  const typing = (el) => el.matches?.("input:not([type=checkbox],[type=radio]), textarea, select, [contenteditable]");
  root.classList.add("js");

  const announce = (words) => {
    const live = $("#crm-live");
    if (live) live.textContent = words;
  };

  function toast(words, kind = "bad") {
    const box = document.createElement("div");
    box.className = `crm-toast ${kind}`;
    box.setAttribute("role", kind === "bad" ? "alert" : "status");
    const span = document.createElement("span");
    span.textContent = words;
    box.append(span);
    $("#toasts").append(box);
  }

  /* Messages wait eight seconds, and longer while somebody reads them. */
  function age() {
    for (const box of $$("#toasts > .crm-toast")) {
      if (box.matches(":hover, :focus-within")) continue;
      box.age = (box.age || 0) + 1;
      if (box.age >= 8) box.remove();
    }
  }
  setInterval(age, 1000);
  return { root, body, $, $$, on, text, token, typing, letterOf, announce, toast };
})();
