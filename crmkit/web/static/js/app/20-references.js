/* Reference fields: a search box in front of the select. */
(() => {
  "use strict";
  const { $, $$, text, toast } = crm;
  function upgrade(box) {
    if (box.dataset.ready) return;
    box.dataset.ready = "1";
    const select = $("select", box);
    const input = document.createElement("input");
    const list = document.createElement("div");
    input.className = select.className.replace("form-select", "form-control");
    input.autocomplete = "off";
    const shown = () => (select.selectedOptions[0]?.value ? select.selectedOptions[0].textContent : "");
    input.value = shown();
    input.id = select.id;
    select.removeAttribute("id");
    list.id = input.id + "-list";
    list.className = "crm-menu";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", text("search"));
    list.hidden = true;
    for (const [name, value] of Object.entries({ role: "combobox", "aria-expanded": "false", "aria-controls": list.id, "aria-autocomplete": "list", placeholder: text("search") }))
      input.setAttribute(name, value);
    for (const name of ["aria-invalid", "aria-describedby", "aria-label"])
      if (select.hasAttribute(name)) input.setAttribute(name, select.getAttribute(name));
    input.required = select.required; // what is hidden could not say that it is missing
    select.required = false;
    select.hidden = true;
    box.append(input, list);
    let run = 0;
    let pause;
    const options = () => $$('[role="option"]', list);
    const current = () => options().find((el) => el.getAttribute("aria-selected") === "true");
    const show = (open) => {
      list.hidden = !open;
      input.setAttribute("aria-expanded", String(open));
    };
    const mark = (el) => options().forEach((o, i) => {
      o.id ||= `${list.id}-${i}`;
      o.setAttribute("aria-selected", String(o === el));
      if (o === el) input.setAttribute("aria-activedescendant", o.id);
    });
    const set = (value, label) => {
      let option = [...select.options].find((o) => o.value === value);
      if (!option) {
        option = new Option(label, value);
        select.add(option);
      }
      select.value = value;
      input.value = shown();
      show(false);
      select.dispatchEvent(new Event("change", { bubbles: true }));
    };
    let asking = null;
    /* Does it when what was typed has its answer; the form waits for that as well. */
    const settle = (done) => {
      asking = pause ? ask() : asking || Promise.resolve();
      const mine = (box.settling = asking.then(done).finally(() => {
        if (box.settling === mine) box.settling = null;
      }));
    };
    const ask = async () => {
      clearTimeout(pause);
      pause = 0;
      const mine = ++run;
      const url = new URL(box.dataset.ref, location.href);
      url.searchParams.set("q", input.value === shown() ? "" : input.value);
      try {
        const answer = await fetch(url, { headers: { "HX-Request": "true", "HX-Request-Type": "partial" } });
        const html = await answer.text();
        if (mine !== run || !answer.ok) return;
        list.innerHTML = html;
        show(true);
        mark(options()[0]);
      } catch {
        toast(text("failed"));
      }
    };
    input.addEventListener("input", () => {
      clearTimeout(pause);
      pause = setTimeout(() => (asking = ask()), 150);
    });
    // What counts is the choice; the letters typed on the way to it are no change of the form.
    input.addEventListener("change", (event) => event.stopPropagation());
    input.addEventListener("focus", () => input.select());
    input.addEventListener("click", () => list.hidden && ask());
    input.addEventListener("keydown", (event) => {
      const all = options();
      const index = all.indexOf(current());
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (list.hidden) ask();
        else mark(all[(index + (event.key === "ArrowDown" ? 1 : all.length - 1)) % all.length]);
      } else if (event.key === "Enter" && (pause || !list.hidden)) {
        event.preventDefault();
        // what is offered still may be of the letters before the last ones
        settle(() => {
          if (!list.hidden && current()) set(current().dataset.value, current().textContent);
          else if ("free" in box.dataset && input.value) set(input.value, input.value);
        });
      } else if (event.key === "Escape" && !list.hidden) {
        event.stopPropagation();
        show(false);
      }
    });
    input.addEventListener("blur", () => {
      // What is typed counts before a button that is clicked now sends the form.
      if ("free" in box.dataset && input.value !== shown()) set(input.value, input.value);
      else if (input.value && input.value !== shown()) {
        settle(() => {
          const fitting = input.value === shown() ? [] : options();
          if (fitting.length === 1) set(fitting[0].dataset.value, fitting[0].textContent);
        });
      }
      setTimeout(async () => {
        await box.settling;
        show(false);
        if (!input.value && select.value) set("", "");
        else input.value = shown();
      }, 150);
    });
    list.addEventListener("pointerdown", (event) => {
      const option = event.target.closest('[role="option"]');
      if (option) {
        event.preventDefault();
        set(option.dataset.value, option.textContent);
      }
    });
  }
  crm.upgrade = upgrade;

  /* A form is sent when its search boxes know what was typed into them. */
  addEventListener("submit", (event) => {
    const waiting = $$(".ref", event.target).map((box) => box.settling).filter(Boolean);
    if (!waiting.length) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    Promise.all(waiting).then(() => event.target.requestSubmit(event.submitter));
  }, true);
})();
