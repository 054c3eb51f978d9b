/* Boards: SortableJS comes after the first paint, and only where there is one. */
(() => {
  "use strict";
  const { body, $, $$, token, text, toast } = crm;
  let sortable;
  function loadSortable() {
    sortable ||= new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = body.dataset.sortable;
      script.nonce = $("script[nonce]").nonce;
      script.onload = done;
      script.onerror = failed;
      document.head.append(script);
    });
    return sortable;
  }
  async function makeBoard(board) {
    if (board.dataset.ready) return;
    board.dataset.ready = "1";
    await loadSortable();
    for (const cards of $$("[data-stage]", board)) {
      window.Sortable.create(cards, {
        group: { name: "board", put: !cards.hasAttribute("data-closed") },
        draggable: ".deal",
        filter: "button, [popover]",
        preventOnFilter: false,
        animation: 120,
        delay: 180,
        delayOnTouchOnly: true,
        onEnd: ({ item, from, to, oldDraggableIndex }) => {
          if (from === to || !item.dataset.move) return;
          const back = () => from.insertBefore(item, $$(".deal", from)[oldDraggableIndex] || null);
          const next = item.nextElementSibling;
          window.htmx
            .ajax("POST", item.dataset.move, {
              target: "#board",
              swap: "outerHTML",
              values: { csrf_token: token(), to: to.dataset.stage, version: item.dataset.version, before: next?.dataset.id || "" },
            })
            .catch(() => {
              back();
              toast(text("failed"));
            });
        },
      });
    }
  }
  crm.makeBoard = makeBoard;
})();
