(() => {
  // What was typed and not sent yet survives a reload, in this tab alone. `saved` tells whether it was sent meanwhile.
  const form = document.querySelector("[name=seen]")?.form;
  if (!form) return;
  const key = "draft " + form.getAttribute("action"), saved = form.elements.seen.value;
  const fields = [...form.elements].filter(field => field.name && field.type !== "hidden");
  const what = field => field.type === "checkbox" ? "checked" : "value";
  try {
    const draft = JSON.parse(sessionStorage.getItem(key));
    if (draft && draft.saved === saved) fields.forEach((field, n) => { field[what(field)] = draft.values[n]; });
    else sessionStorage.removeItem(key);
    form.addEventListener("input", () =>
      sessionStorage.setItem(key, JSON.stringify({ saved, values: fields.map(field => field[what(field)]) })));
  } catch { /* no storage here, or a full one: then there is no draft */ }
})();
