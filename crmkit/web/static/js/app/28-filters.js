/* A filter without a value narrows nothing and says so nowhere: the value is asked for first. */
(() => {
  "use strict";
  const { $$, on } = crm;
  const alone = ["empty", "filled", "me"];
  const filter = (event) => event.target.closest?.("#add-filter form");
  on("submit", (event) => {
    const form = filter(event);
    const field = form && $$('input[name="value"], input[name="days"]', form).find((each) => each.checkVisibility());
    if (!field || field.value.trim() || alone.includes(form.elements.op.value)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    field.required = true;
    field.reportValidity();
  });
  on("change", (event) => {
    const form = filter(event);
    if (form) $$("input", form).forEach((each) => { each.required = false; });
  });
})();
