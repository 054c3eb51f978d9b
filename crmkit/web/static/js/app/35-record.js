/* The page of a record: the list it was opened from, and where the next note is written. */
(() => {
  "use strict";
  const { $, on } = crm;

  /* The address names the list: then it is known after a form was sent, too. */
  const record = $("main.rec[data-list-query]");
  const address = new URL(location.href);
  if (record && !address.searchParams.has("list")) {
    address.searchParams.set("list", record.dataset.listQuery);
    history.replaceState(history.state, "", address);
  }

  /* Who saved a note writes the next one in the same box, whatever was pressed to save it. */
  const isTimeline = (event) => event.detail?.ctx?.target?.id === "timeline";
  let written = "";
  on("htmx:before:swap", (event) => {
    if (isTimeline(event)) written = document.activeElement?.closest(".composer form")?.querySelector(".comp-in")?.id || "";
  });
  on("htmx:after:swap", (event) => {
    if (isTimeline(event) && written) document.getElementById(written)?.focus({ preventScroll: true });
  });
})();
