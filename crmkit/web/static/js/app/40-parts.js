/* Grids of parts: each cell is saved when it is left. After the page's own listeners, which make
 * search boxes of what was swapped in before the focus goes back to one. */
(() => {
  "use strict";
  const { $, on, text: words, token, toast } = crm;
  const grid = () => document.activeElement?.closest?.("[data-parts]");
  let sentCells = null;
  on("htmx:before:request", (event) => {
    const form = (event.detail?.ctx?.sourceElement || event.target)?.closest?.("[data-parts]");
    if (form) sentCells = new Map([...new FormData(form)].map(([name, value]) => [name, value]));
  });
  let typedCell = null;
  on("htmx:before:swap", () => {
    const cell = document.activeElement;
    // what was typed after the request left is kept in the cell that has the focus
    typedCell = grid() && sentCells && cell.name && cell.type !== "hidden" ? { id: cell.id, value: cell.value, changed: cell.value !== sentCells.get(cell.name) } : null;
  });
  on("htmx:after:swap", () => {
    const cell = typedCell && document.getElementById(typedCell.id);
    if (cell && typedCell.changed) cell.value = typedCell.value;
    if (cell && document.activeElement !== cell) cell.focus({ preventScroll: true });
    typedCell = null;
  });
  const cellOf = (row, name) => $(`[data-col="${name}"] :is(input:not([type=hidden]), select, textarea):not(.js-only[hidden])`, row);
  on("keydown", (event) => {
    const row = event.target.closest?.("[data-parts] tbody tr");
    if (!row) return;
    const column = event.target.closest("[data-col]")?.dataset.col;
    const to = (next) => {
      const cell = next && cellOf(next, column);
      if (!cell) return;
      event.preventDefault();
      cell.focus();
      cell.select?.();
    };
    if (event.altKey && event.key === "ArrowDown") {
      const last = $("tr[data-new]", row.parentElement);
      const first = last && $(":is(input:not([type=hidden]), select:not([hidden]))", last);
      event.preventDefault();
      first?.focus();
    } else if (event.key === "Enter" && event.target.matches("input") && !event.defaultPrevented) to(row.nextElementSibling || row);
    else if (event.key === "ArrowUp" && event.ctrlKey) to(row.previousElementSibling);
    else if (event.key === "ArrowDown" && event.ctrlKey) to(row.nextElementSibling);
    else if (event.key === "Escape" && event.target.matches("input") && event.target.value !== event.target.defaultValue) {
      event.target.value = event.target.defaultValue;
      event.stopPropagation();
    }
  });
  on("paste", (event) => {
    const form = event.target.closest?.("[data-parts]");
    const text = event.clipboardData?.getData("text/plain") || "";
    if (!form?.dataset.paste || !/[\t\n]/.test(text.trim())) return;
    event.preventDefault();
    window.htmx.ajax("POST", form.dataset.paste, { target: "#" + form.closest(".parts").id, swap: "outerHTML", values: { csrf_token: token(), text } });
  });
  on("htmx:error", () => toast(words("failed")));
})();
