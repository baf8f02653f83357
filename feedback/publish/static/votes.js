(() => {
  // Notes at the service whether an entry of the FAQ helped. Only a tap counts, and no cookie goes with it.
  const form = document.forms.feedback, said = document.currentScript.dataset;
  if (!form) return;
  const note = form.querySelector(".md-feedback__note");
  const stored = async (helped) => {
    try {
      const answer = await fetch(said.service + "/api/v1/page-votes", {
        method: "POST", mode: "cors", credentials: "omit", keepalive: true,
        body: new URLSearchParams({ page: said.page, helped }),
      });
      return answer.ok;
    } catch { return false; }
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const helped = event.submitter.dataset.mdValue;
    form.firstElementChild.disabled = true;
    const told = note.querySelector(`[data-md-value="${helped}"]`);
    if (!(await stored(helped))) told.firstElementChild.textContent = said.failed;
    told.hidden = false; // what it says of a way to a person is there either way
  });
  note.setAttribute("role", "status");
  form.lang = said.lang;
  form.hidden = false;
})();
