/* Calls: numbers that are clicked, and those that ring. */
(() => {
  "use strict";
  const { body, $, on, text, token, toast } = crm;
  async function dial(number) {
    const words = new URLSearchParams({ number, csrf_token: token() });
    try {
      const answer = await fetch(body.dataset.dial, { method: "POST", body: words });
      const said = await answer.json();
      toast(said.text, answer.ok ? "ok" : "bad");
    } catch {
      toast(text("failed"));
    }
  }
  function offerLog(number) {
    const bar = $("#call-bar");
    if (!bar) return;
    const link = $("a", bar);
    const url = new URL(link.href);
    url.searchParams.set("at", new Date().toISOString());
    link.href = url;
    $("span", bar).textContent = text("called").replace("{number}", number);
    bar.hidden = false;
  }
  on("click", (event) => {
    const link = event.target.closest?.('a[href^="tel:"]');
    if (link) {
      const number = decodeURIComponent(link.getAttribute("href").slice(4));
      if (body.dataset.dial) {
        event.preventDefault();
        dial(number);
      }
      offerLog(number);
    } else if (event.target.closest?.("#call-bar [data-close]")) $("#call-bar").hidden = true;
  });
  async function ring() {
    const calls = $("#calls");
    if (!calls || document.hidden || calls.matches(":hover, :focus-within")) return;
    try {
      const answer = await fetch(calls.dataset.calls, { headers: { "HX-Request": "true", "HX-Request-Type": "partial" } });
      const html = answer.ok ? await answer.text() : "";
      if (html.includes("data-call") || calls.childElementCount) calls.innerHTML = html;
    } catch {
      /* nobody asked for it, and the next answer comes in five seconds */
    }
  }
  ring();
  setInterval(ring, 5000);
})();
