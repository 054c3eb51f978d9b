/* The page of a record: the list it was opened from. */
(() => {
  "use strict";
  const { $ } = crm;

  /* The address names the list: then it is known after a form was sent, too. */
  const record = $("main.rec[data-list-query]");
  const address = new URL(location.href);
  if (record && !address.searchParams.has("list")) {
    address.searchParams.set("list", record.dataset.listQuery);
    history.replaceState(history.state, "", address);
  }
})();
