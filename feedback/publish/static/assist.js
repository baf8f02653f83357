// Offers help where something failed (docs/assist.md). With anything missing it does nothing.
(() => {
  const script = document.currentScript, given = script.dataset, site = new URL(".", script.src);
  const place = location.origin + location.pathname; // the query may be private
  let error = given.error || "", done, timer;

  const keep = (where, name, value) => {
    try { // it may be blocked
      return value ? (window[where]["assist-" + name] = value) : window[where]["assist-" + name];
    } catch { /* each load is the first */ }
  };
  let errors = error ? 1 + +(keep("sessionStorage", "errors") || 0) : 0; // in a row
  const wait = () => {
    keep("sessionStorage", "errors", String(errors));
    clearTimeout(timer);
    timer = setTimeout(offer, errors > 1 ? 0 : 1000 * (given.after >= 0 ? given.after : error ? 8 : 30));
  };
  document.addEventListener("assist:error", (event) => {
    error = event.detail || error;
    errors++;
    wait();
  });

  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim();
  const words = (text) => fold(text).match(/\p{L}{4,}|\d{3,}|[\p{sc=Han}\p{sc=Kana}\p{sc=Hira}]{2,}/gu) || [];
  const shared = (some, others) =>
    some.filter((one) => others.some((other) => one.startsWith(other) || other.startsWith(one))).length;
  const fit = ({ topics, words: called, title }) => {
    const wanted = fold(given.topics || "").split(/\s*,\s*/), about = words([...topics, ...called].join(" "));
    return 4 * topics.filter((topic) => wanted.includes(fold(topic))).length +
      2 * shared(words(error), [...about, ...words(title)]) +
      shared(words(document.title + " " + location.pathname), about);
  };

  const offer = async () => {
    if (done || keep("localStorage", "no") || keep("sessionStorage", "offered")) return;
    done = true;
    try {
      const faq = await (await fetch(new URL("faq.json", site), { credentials: "omit" })).json();
      const entries = faq.entries.filter(fit).sort((a, b) => fit(b) - fit(a)).slice(0, 3);
      while (document.activeElement?.matches("input, textarea, select, iframe, [contenteditable]"))
        await new Promise((again) => setTimeout(again, 500)); // typing
      if (entries.length || faq.way) show(faq, entries);
    } catch { /* no service, no offer */ }
  };

  const show = ({ words: say, service, way, style, lang, dir }, entries) => {
    const host = document.createElement("div"), root = host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet(); // for a strict policy
    sheet.replaceSync(style);
    root.adoptedStyleSheets = [sheet];
    const add = (to, name, attributes, text, onclick = null) => {
      const made = Object.assign(document.createElement(name), { textContent: text, onclick });
      for (const key in attributes) made.setAttribute(key, attributes[key]);
      return to.appendChild(made);
    };
    const note = (step, page) => fetch(service + "/api/v1/offers", {
      method: "POST", mode: "no-cors", credentials: "omit", keepalive: true,
      body: new URLSearchParams({ place, step, ...(page && { page }) }),
    }).catch(() => {});
    const tell = (text) => setTimeout(() => { status.textContent = text; }, 100); // to be read out

    const box = add(root, "section", { "aria-label": say.title, lang, dir });
    const status = add(box, "p", { role: "status", tabindex: -1 });
    const asked = add(box, "div"), list = add(box, "ul"), ways = add(box, "div");
    let used; // then to close is no refusal
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
      const there = { href: new URL(url, site), target: "_blank", rel: "noopener" };
      const link = add(add(list, "li"), "a", there, title, () => ask(url));
      add(link, "small", {}, ` (${say.apart})`);
    }
    if (way) {
      const facts = { place, error: error || document.title, time: new Date().toISOString() };
      const href = way.replace(/{(\w+)}/g, (_, fact) => encodeURIComponent(facts[fact]));
      add(ways, "a", { href }, say.person, () => note("asked"));
    }
    const close = () => host.remove() || used || keep("localStorage", "no", 1);
    add(ways, "button", {}, say.close, close);
    document.addEventListener("keydown", ({ key }) => {
      if (key === "Escape" && host.isConnected && [document.body, host].includes(document.activeElement)) close();
    });
    script.closest("body") ? script.after(host) : (document.querySelector("main") || document.body).prepend(host);
    keep("sessionStorage", "offered", 1);
    note("shown");
    tell(say.title);
  };
  wait();
})();
