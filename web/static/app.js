// Keeps a page true without a reload. The server sends whole elements; each takes the place of the one
// with its id. After a lost connection or a lag the page's content is fetched anew: nothing is assumed.
"use strict";
(() => {
  const skew = Date.now() - Number(document.documentElement.dataset.now) / 1000;
  const live = document.body.dataset.live;

  // As in words.rs.
  const span = (s) => {
    const m = Math.floor(s / 60), h = Math.floor(s / 3600), d = Math.floor(s / 86400);
    if (s < 60) return `${s} s`;
    if (s < 600) return `${m} min ${s % 60} s`;
    if (s < 3600) return `${m} min`;
    return s < 86400 ? `${h} h ${m % 60} min` : `${d} d ${h % 24} h`;
  };

  const tick = () => {
    const now = Date.now() - skew;
    for (const time of document.querySelectorAll("time")) {
      const at = Number(time.dataset.since ?? time.dataset.until) / 1000;
      const length = span(Math.floor(Math.abs(now - at) / 1000));
      let text = length;
      if (time.dataset.until) text = at >= now ? `${length} left` : `overdue by ${length}`;
      if (time.textContent !== text) time.textContent = text;
    }
  };

  // Folds that a person opened or closed stay so, and a form that has the focus keeps it.
  const replace = (old, fresh) => {
    for (const fold of old.querySelectorAll("details[id]")) {
      const same = fresh.querySelector(`#${CSS.escape(fold.id)}`);
      if (same) same.open = fold.open;
    }
    const stops = "a, button, input, select, textarea, summary, [tabindex]";
    const focused = old.contains(document.activeElement) && document.activeElement.closest(stops);
    const place = focused ? [...old.querySelectorAll(stops)].indexOf(focused) : -1;
    const scrolled = [...old.querySelectorAll(".log, .scroll")].map((e) => [e.scrollTop, e.scrollLeft]);
    old.replaceWith(fresh);
    fresh.querySelectorAll(".log, .scroll").forEach((e, i) => scrolled[i] && e.scrollTo(scrolled[i][1], scrolled[i][0]));
    if (!focused) return;
    const same = (e) => e?.tagName === focused.tagName && e.textContent === focused.textContent && e.value === focused.value;
    const fits = [...fresh.querySelectorAll(stops)];
    (same(fits[place]) ? fits[place] : fits.find(same))?.focus({ preventScroll: true });
  };

  // What is ticked stays ticked when the list is drawn anew.
  const ticks = () => [...document.querySelectorAll('input[name="machine"][type="checkbox"]')];
  const count = () => {
    const told = document.getElementById("ticked");
    if (!told) return;
    told.dataset.rest ??= told.textContent;
    const number = ticks().filter((tick) => tick.checked).length;
    const text = number ? `${number} ticked` : told.dataset.rest;
    if (told.textContent !== text) told.textContent = text;
  };
  const keeping = (change) => {
    const chosen = new Set(ticks().filter((tick) => tick.checked).map((tick) => tick.value));
    const all = document.getElementById("all")?.checked;
    change();
    for (const tick of ticks()) tick.checked = chosen.has(tick.value);
    if (all) document.getElementById("all")?.click();
    count();
  };

  let pending;
  const resync = () => {
    clearTimeout(pending);
    pending = setTimeout(async () => {
      const answer = await fetch(location.href, { cache: "no-store" }).catch(() => null);
      if (!answer) return;
      if (answer.redirected || answer.status === 404) return location.reload();
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      // A form above a list keeps what is being typed into it.
      const part = document.getElementById("list") ? "#list" : "main";
      keeping(() => replace(document.querySelector(part), page.querySelector(part)));
      tick();
    }, 200);
  };

  const swap = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    keeping(() => {
      for (const fresh of [...template.content.children]) {
        const old = document.getElementById(fresh.id);
        if (!old || old.dataset.unit !== fresh.dataset.unit) return resync();
        replace(old, fresh);
      }
    });
    tick();
  };

  const connection = (text, tone) => {
    const element = document.getElementById("connection");
    element.textContent = text;
    element.dataset.tone = tone;
  };

  const connect = () => {
    const source = new EventSource(live);
    source.addEventListener("swap", (event) => swap(event.data));
    source.addEventListener("resync", resync);
    source.onopen = () => {
      connection("live", "good");
      // Something may have changed between the page and its stream.
      resync();
    };
    source.onerror = () => {
      connection("reconnecting", "wait");
      // A stream that was refused does not come back by itself; fetching the page shows why.
      if (source.readyState === EventSource.CLOSED) {
        resync();
        setTimeout(connect, 3000);
      }
    };
  };

  // As in many a list: a slash leads to the search.
  document.addEventListener("keydown", (event) => {
    const search = document.querySelector('input[type="search"]');
    const typing = event.target.closest("input, select, textarea, [contenteditable]");
    if (event.key !== "/" || typing || !search || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    search.focus();
    search.select();
  });

  document.addEventListener("change", count);
  // A page that a browser shows again from its memory has its ticks, too.
  addEventListener("pageshow", count);

  setInterval(tick, 1000);
  if (live) connect();
})();
