/* What changes elsewhere. Only a window that is seen listens, so hidden ones take none of the six
 * connections. */
(() => {
  "use strict";
  const { body, $, $$, on, text, toast } = crm;
  let live;
  async function badge() {
    const answer = await fetch("/inbox/count").catch(() => null);
    if (!answer?.ok) return;
    const number = Number(await answer.text());
    for (const place of $$("[data-inbox]")) {
      let mark = $(".n", place);
      if (!number) {
        mark?.remove();
        continue;
      }
      if (!mark) {
        mark = document.createElement("span");
        mark.className = "n";
        place.append(mark);
      }
      mark.textContent = number > 99 ? "99+" : String(number);
    }
  }
  function changed() {
    if ($("#changed")) return;
    toast(text("changed"), "info");
    const box = $("#toasts").lastElementChild;
    box.id = "changed";
    box.age = -Infinity; // it stays until it is followed
    const link = document.createElement("a");
    link.href = location.href;
    link.textContent = text("show");
    box.append(link);
  }
  function listen() {
    if (document.visibilityState !== "visible" || !body.dataset.live || !window.EventSource) {
      live?.close();
      live = undefined;
      return;
    }
    if (live) return;
    const record = $("[data-record]")?.dataset.record;
    live = new EventSource(body.dataset.live + (record ? `?record=${encodeURIComponent(record)}` : ""));
    live.addEventListener("me", badge);
    live.addEventListener("record", changed);
  }
  on("visibilitychange", () => setTimeout(listen, 300));
  addEventListener("pagehide", () => live?.close());
  addEventListener("pageshow", (event) => {
    if (event.persisted) {
      live = undefined;
      listen();
    }
  });
  // Who only passes by opens no stream.
  setTimeout(listen, 1500);
})();
