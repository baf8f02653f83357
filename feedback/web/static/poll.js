(() => {
  // What the tabs count, anew each half minute while the page is seen. Without it, a reload tells the same.
  const tabs = document.querySelector("[data-counts]");
  if (!tabs) return;
  const timer = setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(tabs.dataset.counts, { redirect: "manual" });
      if (answer.type === "opaqueredirect") return clearInterval(timer); // logged out
      const { title, counts, news } = await answer.json(), grown = [];
      for (const [tab, count] of Object.entries(counts)) {
        const place = document.getElementById("count-" + tab);
        if (news[tab] && count > +place.textContent) grown.push(news[tab]);
        place.textContent = count;
      }
      document.title = title;
      if (grown.length) document.getElementById("news").textContent = grown.join(" ");
    } catch { /* no network, or a server that starts again: the next time tells */ }
  }, 30000);
})();
