/* What all pages have: palette, lists, drafts, boards, forms, keys. */
(() => {
  "use strict";
  const { root, body, $, $$, on, text, token, typing, letterOf, announce, toast, upgrade, makeBoard } = crm;
  /* What refuses a form stands at the address of the form, which may not be read: it is loaded
     again from where the form stood, and no browser offers to send it once more. */
  if (body.dataset.read) history.replaceState(history.state, "", body.dataset.read);

  /* ---------- palette ---------- */
  const palette = $("#palette");
  const results = palette && $("#pal-list");
  const query = palette && $("input", palette);
  let asked = 0;
  let waiting;
  let stale = false; // what is listed is not yet what was typed
  let entered = null;

  const choices = () => $$('[role="option"]', results);
  function choose(option) {
    choices().forEach((el) => el.setAttribute("aria-selected", String(el === option)));
    if (option) {
      query.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else query.removeAttribute("aria-activedescendant");
  }
  async function look() {
    const mine = ++asked;
    const url = new URL(body.dataset.search, location.href);
    url.searchParams.set("q", query.value);
    url.searchParams.set("from", location.pathname);
    try {
      const answer = await fetch(url, { headers: { "HX-Request": "true", "HX-Request-Type": "partial" } });
      const html = await answer.text();
      if (mine !== asked || !answer.ok) return;
      results.innerHTML = html;
      choose(choices()[0]);
      announce($("[data-announce]", results)?.dataset.announce || "");
      stale = false;
      if (entered && choices()[0]) follow(choices()[0], entered.fresh);
      entered = null;
    } catch {
      toast(text("failed"));
    }
  }
  function openPalette() {
    if (!palette || palette.open) return;
    palette.showModal();
    query.select();
    look();
  }
  function follow(option, fresh) {
    if (option.hasAttribute("data-post")) {
      const form = document.createElement("form");
      form.method = "post";
      form.action = option.href;
      const input = document.createElement("input");
      input.type = "hidden";
      input.name = "csrf_token";
      input.value = token();
      form.append(input);
      body.append(form);
      form.submit();
    } else if (fresh) window.open(option.href);
    else {
      palette.close();
      location.assign(option.href);
      if (new URL(option.href).hash === location.hash) revealNamed();
    }
  }
  query?.addEventListener("input", () => {
    clearTimeout(waiting);
    asked++; // an answer under way is to what was typed before
    stale = true;
    waiting = setTimeout(look, 120);
  });
  query?.addEventListener("keydown", (event) => {
    const list = choices();
    const at = list.findIndex((el) => el.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      choose(list[(at + (event.key === "ArrowDown" ? 1 : list.length - 1)) % list.length]);
    } else if (event.key === "Enter" && stale) {
      event.preventDefault();
      entered = { fresh: event.ctrlKey || event.metaKey };
    } else if (event.key === "Enter" && list[at]) {
      event.preventDefault();
      follow(list[at], event.ctrlKey || event.metaKey);
    }
  });
  palette?.addEventListener("click", (event) => {
    const option = event.target.closest?.("[data-post]");
    if (option) {
      event.preventDefault();
      follow(option);
    }
    if (event.target === palette) palette.close();
  });

  /* ---------- lists: moving, choosing, the bar for many ---------- */
  const spots = () => $$("[data-list] tbody tr[data-url], .crm-col .deal");
  let at = -1;
  function go(step) {
    const list = spots();
    if (!list.length) return;
    at = Math.max(0, Math.min(list.length - 1, at + step));
    list.forEach((el, index) => el.classList.toggle("at", index === at));
    $("a", list[at])?.focus({ preventScroll: true });
    list[at].scrollIntoView({ block: "nearest" });
  }
  function across(step) {
    const card = spots()[at];
    const columns = $$(".crm-col");
    let column = columns.indexOf(card?.closest(".crm-col")) + step;
    while (columns[column] && !$(".deal", columns[column])) column += step;
    const target = columns[column] && $(".deal", columns[column]);
    if (target) {
      at = spots().indexOf(target);
      go(0);
    }
  }
  let lastBox;
  function count() {
    const boxes = $$('.c-sel input[name="ids"]');
    const chosen = boxes.filter((box) => box.checked).length;
    const label = $("[data-count]");
    const whole = $('.crm-bulk input[name="all"]:checked'); // of the filter, also on other pages
    if (label) label.textContent = text("selected").replace("{n}", whole ? whole.dataset.total : chosen);
    const all = $("[data-all]");
    if (all) {
      all.checked = chosen > 0 && chosen === boxes.length;
      all.indeterminate = chosen > 0 && chosen < boxes.length;
    }
    boxes.forEach((box) => box.closest("tr").setAttribute("aria-selected", String(box.checked)));
  }
  function pick(box, shift) {
    if (shift && lastBox?.isConnected) {
      const boxes = $$('.c-sel input[name="ids"]');
      const [from, to] = [boxes.indexOf(lastBox), boxes.indexOf(box)].sort((a, b) => a - b);
      boxes.slice(from, to + 1).forEach((other) => { other.checked = box.checked; });
    }
    lastBox = box;
    count();
  }

  /* ---------- drafts ---------- */
  const draftKey = (form) => "crmkit-draft-" + form.dataset.draft;
  const keepable = (form) =>
    [...form.elements].filter((el) => el.name && !/^(hidden|password|file|submit)$/.test(el.type) && el.name !== "csrf_token");
  function keepDraft(form) {
    const values = {};
    for (const el of keepable(form)) {
      if (el.type === "checkbox" || el.type === "radio") {
        if (el.checked) (values[el.name] ||= []).push(el.value);
      } else if (el.value) values[el.name] = el.value;
    }
    try {
      localStorage.setItem(draftKey(form), JSON.stringify(values));
    } catch {
      return; // a full or forbidden store only means that nothing is kept
    }
    const note = $("[data-draft-note]", form);
    if (note) note.textContent = text("draft").replace("{time}", new Date().toLocaleTimeString(root.lang, { hour: "2-digit", minute: "2-digit" }));
  }
  function dropDraft(form) {
    try {
      localStorage.removeItem(draftKey(form));
    } catch {
      /* nothing was kept */
    }
  }
  function restoreDraft(form) {
    let values;
    try {
      values = JSON.parse(localStorage.getItem(draftKey(form)) || "null");
    } catch {
      values = null;
    }
    if (!values || $("#errors", form) || $('input[name="version"]', form)) return;
    let changed = false;
    for (const el of keepable(form)) {
      const kept = values[el.name];
      if (kept === undefined || el.tagName === "SELECT" && ![...el.options].some((o) => o.value === kept)) continue;
      if (el.type === "checkbox" || el.type === "radio") el.checked = kept.includes(el.value);
      else if (!el.value) {
        el.value = kept;
        changed = true;
      }
    }
    if (changed) {
      const note = $("[data-draft-note]", form);
      if (note) note.textContent = text("restored");
    }
  }

  /* ---------- what each new part of a page needs ---------- */
  function prepare(part) {
    // what htmx parses has the inputs for pages without scripts, which must not be sent
    $$("noscript", part).forEach((el) => el.childElementCount && el.remove());
    $$("[data-ref]", part).forEach(upgrade);
    $$("[data-board]", part).forEach((board) => setTimeout(() => makeBoard(board).catch(() => delete board.dataset.ready), 0));
    $$("form[data-draft]", part).forEach(restoreDraft);
    for (const tab of $$(".crm-tabs > [aria-current]", part)) {
      // a row of tabs wider than the screen begins where the chosen one is seen
      const bar = tab.parentElement;
      if (tab.offsetLeft + tab.offsetWidth > bar.offsetLeft + bar.clientWidth) bar.scrollLeft = tab.offsetLeft - bar.offsetLeft - 16;
    }
    const next = $("[data-next]", part);
    if (next) location.assign(next.dataset.next);
    if ($("[data-list]", part)) {
      at = -1;
      count();
    }
  }
  /* Opens a small menu as its button would, with the menus it lies in. */
  function reveal(menu) {
    const chain = [];
    for (let part = menu; part; part = part.parentElement?.closest("[popover]")) chain.unshift(part);
    chain.forEach((part) => {
      if (!part.matches(":popover-open")) part.showPopover({ source: $(`[popovertarget="${CSS.escape(part.id)}"]`) });
    });
    ($('[aria-invalid="true"]', menu) || $("input:not([type=hidden]), select, textarea, button", menu))?.focus();
  }
  function revealNamed() {
    const menu = location.hash.startsWith("#act-") && document.getElementById(location.hash.slice(1));
    if (menu && menu.matches("[popover]")) reveal(menu);
  }
  /* A small form that opens is there to be filled in. */
  on("toggle", (event) => {
    const menu = event.target;
    if (event.newState !== "open" || !menu.matches?.('[popover][role="dialog"]') || menu.contains(document.activeElement)) return;
    $(":is(input:not([type=hidden]), select:not([hidden]), textarea)", menu)?.focus();
  }, true);
  prepare(document);
  $("#errors")?.focus();
  $$("[popover][data-open]").forEach(reveal);
  revealNamed();
  addEventListener("hashchange", revealNamed);

  /* Focus stays on the same id; a line that is gone hands it to the next one. */
  let focusIds = [];
  on("htmx:before:swap", () => {
    const active = document.activeElement;
    const item = active?.closest(".deal, .ag-row, tr[id]");
    // SortableJS leaves empty style attributes; htmx would copy them, which the policy forbids
    $$("#board [style]").forEach((el) => el.removeAttribute("style"));
    focusIds = [active?.id, item?.id, item?.nextElementSibling?.id].filter(Boolean);
  });
  on("htmx:after:swap", (event) => {
    prepare(document);
    const heard = $$("[data-announce]").at(-1);
    if (heard) announce(heard.dataset.announce);
    const version = $$(".prop[data-version]").at(-1);
    if (version) {
      // fields of a record beside this one have a version of their own
      const scope = version.closest("[data-record]");
      $$('[data-record] input[name="version"]').forEach((input) => {
        if (input.closest("[data-record]") === scope) input.value = version.dataset.version;
      });
      version.removeAttribute("data-version");
    }
    const editor = $(".prop.editing :is(input:not([type=hidden]), select:not([hidden]), textarea)");
    if (editor && !$(".prop.editing:focus-within")) {
      editor.focus();
      editor.select?.();
      return;
    }
    if (document.activeElement && document.activeElement !== body) return;
    const target = event.detail?.ctx?.target;
    // a bar that moves, and a card that came by itself, call nobody to it
    if (!focusIds.length && ($("#progress") || target?.matches?.(".crm-card"))) return;
    const kept = focusIds.map((id) => document.getElementById(id)).find(Boolean);
    const back = (kept && (kept.matches("li, tr") ? $("a", kept) : kept)) || (target?.id && $(`#${CSS.escape(target.id)} :is(a, h1, h2)`)) || $("#main");
    if (back && !back.matches("a, button, input, select, textarea, [tabindex]")) back.tabIndex = -1;
    back?.focus({ preventScroll: true });
  });
  /* ---------- copying ---------- */
  on("click", async (event) => {
    const from = event.target.closest("[data-copy]");
    const field = from && document.getElementById(from.dataset.copy);
    if (!field) return;
    field.select();
    // Without TLS there is no clipboard; then what is selected is copied the old way.
    if (navigator.clipboard) await navigator.clipboard.writeText(field.value);
    else document.execCommand("copy");
    toast(text("copied"), "ok");
  });

  /* ---------- forms ---------- */
  on("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    if (form.matches("[data-theme-form]")) {
      event.preventDefault();
      const theme = event.submitter.value;
      root.dataset.bsTheme = theme;
      $$("button", form).forEach((b) => b.toggleAttribute("aria-current", b === event.submitter));
      fetch(form.action, { method: "POST", body: new URLSearchParams({ theme, csrf_token: token() }) }).catch(() => toast(text("failed")));
      return;
    }
    if (form.dataset.draft) dropDraft(form);
    if (form.method !== "post") return;
    const button = event.submitter?.matches(".btn") ? event.submitter : $('.btn[type="submit"]', form);
    const busy = setTimeout(() => button?.setAttribute("aria-busy", "true"), 150);
    if (form.hasAttribute("hx-post")) {
      const free = () => {
        clearTimeout(busy);
        button?.removeAttribute("aria-busy");
        document.removeEventListener("htmx:finally:request", free);
      };
      on("htmx:finally:request", free);
    } else form.dataset.sent = "1";
  });
  window.addEventListener("pageshow", () => {
    $$("form[data-sent]").forEach((form) => delete form.dataset.sent);
    $$("[aria-busy=true].btn").forEach((button) => button.removeAttribute("aria-busy"));
  });

  let drafting;
  let comparing;
  on("input", (event) => {
    const form = event.target.form;
    if (form?.dataset.draft) {
      clearTimeout(drafting);
      drafting = setTimeout(() => keepDraft(form), 400);
    }
    if (form?.hasAttribute("data-duplicates")) {
      clearTimeout(comparing);
      comparing = setTimeout(() => window.htmx.trigger("#duplicates", "crm-similar"), 500);
    }
  });
  on("change", (event) => {
    const el = event.target;
    if (el.matches('.c-sel input[name="ids"]')) pick(el, el.shift);
    else if (el.matches("[data-all]")) {
      $$('.c-sel input[name="ids"]').forEach((box) => { box.checked = el.checked; });
      count();
    } else if (el.matches('.crm-bulk input[name="all"]')) count();
    else if (el.closest("[data-inline]") && el.matches("select, [type=checkbox], [type=radio]")) el.form.requestSubmit();
    else if (el.matches("[data-check] select")) $('[name="check"]', el.form)?.classList.add("btn-primary");
  });
  const cancelInline = (form) => {
    const place = form.closest(".prop");
    if (place) window.htmx.ajax("GET", form.dataset.cancel, { target: "#" + CSS.escape(place.id), swap: "outerHTML" });
  };
  on("focusout", (event) => {
    const form = event.target.closest?.("[data-inline]");
    if (!form || form.contains(event.relatedTarget)) return;
    setTimeout(() => {
      if (!form.isConnected || form.contains(document.activeElement) || form.dataset.gone) return;
      const el = $("input:not([type=hidden]), textarea", form);
      const changed = el && !el.closest(".ref") && el.type !== "checkbox" && el.value !== el.defaultValue;
      form.dataset.gone = "1";
      if (changed) form.requestSubmit();
      else cancelInline(form);
    }, 200);
  });

  on("click", (event) => {
    const el = event.target.closest?.("a, button, label, input");
    if (!el) return;
    if (el.matches('.c-sel input[name="ids"]')) el.shift = event.shiftKey;
    if (el.matches("[data-palette]") && palette && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      openPalette();
    } else if (el.matches("[data-help]")) $("#keys").showModal();
    else if (el.matches("[data-menu]")) {
      event.preventDefault();
      const open = $("#side").classList.toggle("open");
      if (open) $("#side a").focus();
    } else if (el.matches("[data-unselect]")) {
      $$('#bulk input[type="checkbox"]').forEach((box) => { box.checked = false; });
      count();
    } else if (el.matches("[data-take]")) {
      const field = document.getElementById(el.dataset.take);
      field.value = el.dataset.value;
      field.focus();
    } else if (el.matches("[data-part]")) {
      const columns = $(".rec-cols");
      columns.classList.remove("show-fields", "show-panels");
      if (el.dataset.part) columns.classList.add(el.dataset.part);
      $$("[data-part]").forEach((b) => b.toggleAttribute("aria-current", b === el));
    } else if (el.matches("[data-leave]")) {
      const form = el.closest("form");
      if (form?.dataset.draft) dropDraft(form);
    }
  });

  /* ---------- keys ---------- */
  let leader = 0;
  on("keydown", (event) => {
    const { key, target } = event;
    const letter = letterOf(event);
    if ((event.ctrlKey || event.metaKey) && letter === "k") {
      event.preventDefault();
      openPalette();
      return;
    }
    if ((event.ctrlKey || event.metaKey) && key === "Enter" && target.form) {
      event.preventDefault();
      target.form.requestSubmit();
      return;
    }
    const inline = target.closest?.("[data-inline]");
    if (inline) {
      if (key === "Escape") {
        event.preventDefault();
        inline.dataset.gone = "1";
        cancelInline(inline);
      }
      return;
    }
    if (key === "Escape" && $("#side.open")) {
      $("#side").classList.remove("open");
      $("[data-menu]")?.focus();
      return;
    }
    if (key === "Escape" && typing(target)) target.blur();
    const menu = target.closest?.("[popover]");
    if (menu && (key === "ArrowDown" || key === "ArrowUp") && !typing(target)) {
      const items = $$(".it", menu);
      event.preventDefault();
      items[(items.indexOf(document.activeElement) + (key === "ArrowDown" ? 1 : items.length - 1)) % items.length]?.focus();
      return;
    }
    if (menu && /^[1-9]$/.test(key) && !typing(target)) {
      $$(".it", menu)[Number(key) - 1]?.click();
      return;
    }
    if (body.dataset.keys === "off" || typing(target) || event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]")) return;
    if (Date.now() - leader < 1500) {
      leader = 0;
      const link = $(`[data-go="${CSS.escape(letter)}"]`);
      if (link) location.assign(link.href);
      return;
    }
    if (letter === "g") {
      leader = Date.now();
      return;
    }
    const spot = spots()[at];
    const done = () => event.preventDefault();
    if (key === "?") return done(), $("#keys")?.showModal();
    if (key === "/") return done(), ($("[data-list-search]") || query)?.matches("#palette *") ? openPalette() : $("[data-list-search]")?.focus();
    if (letter === "c") {
      const open = $("[data-new]");
      if (open && open.checkVisibility()) return done(), open.click(), $("#new-menu .it")?.focus();
    }
    if (letter === "z") return done(), $$("[data-undo]").at(-1)?.requestSubmit();
    if (spots().length) {
      if (letter === "j" || letter === "k") return done(), go(at < 0 ? 1 : letter === "j" ? 1 : -1);
      if (spot && spot.matches(".deal") && (key === "ArrowLeft" || key === "ArrowRight")) return done(), across(key === "ArrowLeft" ? -1 : 1);
      if (spot && letter === "x") {
        const box = $('input[name="ids"]', spot);
        if (box) {
          done();
          box.checked = event.shiftKey || !box.checked;
          pick(box, event.shiftKey);
        }
        return;
      }
      if (spot && letter === "e") return done(), location.assign(spot.dataset.url + "/edit");
      if (spot && letter === "m") {
        const move = $(".deal-menu", spot);
        if (move) {
          done();
          move.click();
          $(".it", document.getElementById(move.getAttribute("popovertarget")))?.focus();
        }
        return;
      }
      if (spot && key === "Enter" && target === body) return location.assign(spot.dataset.url);
    }
    const named = /^[a-z]$/.test(letter) && !event.shiftKey && $(`[data-key="${letter}"]:not(#new-menu *)`);
    if (named) {
      done();
      if (named.type === "radio") {
        named.checked = true;
        const form = named.closest(".composer").querySelectorAll(":scope > form")[$$("input", named.closest(".comp-tabs")).indexOf(named)];
        $("textarea", form)?.focus();
      } else if (letter === "e" && $("main.rec .prop a.prop-v")) $("main.rec .prop a.prop-v").click();
      else named.click();
    }
  });

  const line = () => {
    $(".offline")?.remove();
    if (navigator.onLine) return;
    const note = document.createElement("div");
    note.className = "offline";
    note.setAttribute("role", "status");
    note.textContent = text("offline");
    ($(".crm-sheet") || body).prepend(note);
  };
  window.addEventListener("online", line);
  window.addEventListener("offline", line);
})();
