// Offers help where something failed (docs/assist.md). With anything missing it does nothing.
// Comments stand in lines of their own: the build leaves those out, and the indentation.
(() => {
  // A module has no current script, and a second line on a page does nothing.
  const script = document.currentScript, mark = "assist.js";
  if (!script?.src || window[mark]) return;
  window[mark] = 1;
  const given = script.dataset, site = new URL(".", script.src), after = parseFloat(given.after);
  const quiet = { credentials: "omit", referrerPolicy: "no-referrer" };
  // Half a character, as a cut leaves it, cannot stand in an address.
  const short = (text) => String(text).slice(0, 300).replace(/\p{Cs}/gu, "");
  let error = short(given.error || ""), done, timer;

  const keep = (where, name, value) => {
    try {
      const storage = window[where + "Storage"], key = "assist-" + name;
      return value ? (storage[key] = value) : storage[key];
    } catch {
      // It may be blocked: then each load is the first.
    }
  };
  // Errors in a row.
  let errors = error ? 1 + +(keep("session", "errors") || 0) : 0;
  const wait = () => {
    keep("session", "errors", errors + "");
    clearTimeout(timer);
    timer = setTimeout(offer, errors > 1 ? 0 : 1000 * (after >= 0 ? after : error ? 8 : 30));
  };
  document.addEventListener("assist:error", (event) => {
    error = short(event.detail || error);
    errors++;
    wait();
  });

  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim();
  const words = (text) => fold(text).match(/\p{L}{4,}|\d{3,}|[\p{sc=Han}\p{sc=Kana}\p{sc=Hira}]{2,}/gu) || [];
  const shared = (some, others) =>
    some.filter((a) => others.some((b) => a.startsWith(b) || b.startsWith(a))).length;
  const fit = ({ topics, words: called, title }) => {
    const wanted = fold(given.topics || "").split(/\s*,\s*/), about = words([...topics, ...called].join(" "));
    return 4 * topics.filter((topic) => wanted.includes(fold(topic))).length +
      2 * shared(words(error), [...about, ...words(title)]) +
      shared(words(document.title + " " + location.pathname), about);
  };

  const over = () => keep("local", "no") || keep("session", "offered");
  const busy = () => {
    let at = document.activeElement;
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    // Into inputs of such types nobody types.
    return document.readyState === "loading" || at?.isContentEditable ||
      at?.matches("textarea, select, iframe, input") &&
      !/button|checkbox|color|file|image|radio|range|reset|submit/.test(at.type);
  };
  const offer = async () => {
    if (done || over()) return;
    done = 1;
    try {
      const faq = await (await fetch(new URL("faq.json", site), quiet)).json();
      while (busy()) await new Promise((again) => setTimeout(again, 500));
      // Another window may have said no meanwhile.
      if (over()) return;
      const entries = faq.entries.filter(fit).sort((a, b) => fit(b) - fit(a)).slice(0, 3);
      if (entries.length || faq.way) show(faq, entries);
    } catch {
      // No service, no offer.
    }
  };

  const show = ({ words: say, service, way, style, lang, dir }, entries) => {
    // The query, and what stands behind a semicolon, may be private.
    const place = location.origin + location.pathname.split(";")[0];
    const host = document.createElement("div"), root = host.attachShadow({ mode: "open" });
    // A sheet of its own, for a strict policy.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style);
    root.adoptedStyleSheets = [sheet];
    const add = (to, name, has = {}, text, onclick = null) => {
      const made = Object.assign(document.createElement(name), { textContent: text, onclick });
      for (const [key, value] of Object.entries(has)) made.setAttribute(key, value);
      return to.appendChild(made);
    };
    const note = (step, page) => fetch(service + "/api/v1/offers", {
      ...quiet, method: "POST", mode: "no-cors", keepalive: true,
      body: new URLSearchParams({ place, step, ...(page && { page }) }),
    }).catch(() => {});
    // After a moment, to be read out.
    const tell = (text) => setTimeout(() => (status.textContent = text), 100);

    const box = add(root, "section", { "aria-label": say.title, lang, dir });
    const status = add(box, "p", { role: "status", tabindex: -1 });
    const asked = add(box, "div"), list = add(box, "ul"), ways = add(box, "div");
    // Once it was of use, to close it is no refusal.
    let used;
    const ask = (page) => {
      used = 1;
      const answer = (text, then) => add(asked, "button", {}, text, () => {
        status.focus();
        asked.replaceChildren();
        then();
      });
      note("opened", page);
      tell(say.helped);
      asked.replaceChildren();
      answer(say.yes, () => tell(say.glad, note("helped", page)));
      answer(say.no, () => tell(say.sorry));
    };
    for (const { url, title } of entries) {
      const there = { href: new URL(url, site), target: "_blank", rel: "noopener noreferrer" };
      const link = add(add(list, "li"), "a", there, title, () => ask(url));
      add(link, "small", {}, ` (${say.apart})`);
    }
    if (way) {
      const facts = { place, error: short(error || document.title), time: new Date().toISOString() };
      const href = way.replace(/{(\w+)}/g, (_, fact) => encodeURIComponent(facts[fact]));
      add(ways, "a", { href }, say.person, () => note("asked"));
    }
    const close = () => host.remove() || used || keep("local", "no", 1);
    add(ways, "button", {}, say.close, close);

    const seen = (part) => part.getClientRects().length;
    if (script.closest("body")) script.after(host);
    else ([...document.querySelectorAll("main")].find(seen) || document.body).prepend(host);
    if (!seen(host)) {
      // In a hidden place it was no offer: the next error tries again.
      done = 0;
      return host.remove();
    }
    // At the window all of the page have had their turn.
    addEventListener("keydown", ({ key, defaultPrevented }) => {
      if (key === "Escape" && !defaultPrevented && host.isConnected &&
        [document.body, host].includes(document.activeElement)) close();
    });
    keep("session", "offered", 1);
    note("shown");
    tell(say.title);
  };
  wait();
})();
